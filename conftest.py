"""Settings of the project's own tests."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# Runs that tests start tell GitHub nothing, unless that is what they are about.
os.environ.pop("GITHUB_ACTIONS", None)

# The same examples in every run and on every machine: a test that fails, fails for everybody.
settings.register_profile("stressor", derandomize=True, deadline=None)
settings.load_profile("stressor")
