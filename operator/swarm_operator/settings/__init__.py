"""Settings: what belongs to the installation and not to the stacks.

Every setting has a default, a key in the settings file (TOML), an environment variable and mostly
a flag; of these the last one that is given wins.
"""

from swarm_operator.settings.dns import DnsProviderSettings, NameServer
from swarm_operator.settings.errors import SettingsError
from swarm_operator.settings.load import CONFIG_VARIABLE, Settings
from swarm_operator.settings.options import OPTIONS, Option
from swarm_operator.settings.values import Address, LogFormat, LogLevel, Mode

__all__ = [
    "CONFIG_VARIABLE",
    "OPTIONS",
    "Address",
    "DnsProviderSettings",
    "LogFormat",
    "LogLevel",
    "Mode",
    "NameServer",
    "Option",
    "Settings",
    "SettingsError",
]
