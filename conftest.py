"""Settings of the project's own tests."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# Runs that tests start are those of somebody at a terminal: they tell GitHub nothing, and Hypothesis
# takes its usual profile and not that for CI, unless that is what they are about.
for variable in ("GITHUB_ACTIONS", "CI", "__TOX_ENVIRONMENT_VARIABLE_ORIGINAL_CI"):
    os.environ.pop(variable, None)

# The same examples in every run and on every machine: a test that fails, fails for everybody.
settings.register_profile("stressor", derandomize=True, deadline=None)
settings.load_profile("stressor")
