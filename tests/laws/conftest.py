"""Hypothesis profiles: `default` is quick and repeatable, `mutants` too; `soak` looks for hours.

Chosen by the variable HYPOTHESIS_PROFILE.
"""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

_COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}

settings.register_profile("default", max_examples=60, derandomize=True, **_COMMON)
# A mutant is dead or alive; what kills it need not be small.
settings.register_profile(
    "mutants",
    max_examples=60,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    **_COMMON,
)
settings.register_profile("soak", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
