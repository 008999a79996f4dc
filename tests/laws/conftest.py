"""Hypothesis profiles: `default` is quick and repeatable; `soak` looks for hours if it may.

Chosen by the variable HYPOTHESIS_PROFILE.
"""

import os
from typing import Any

from hypothesis import HealthCheck, settings

_COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}

settings.register_profile("default", max_examples=60, derandomize=True, **_COMMON)
settings.register_profile("soak", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
