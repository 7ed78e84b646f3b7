"""Settings of the project's own tests."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["pytester"]

# The same examples in every run and on every machine: a test that fails, fails for everybody.
settings.register_profile("stressor", derandomize=True, deadline=None)
settings.load_profile("stressor")
