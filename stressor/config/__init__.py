"""The settings of a run, and where each came from; the command line and the pytest plugin have the same."""

from __future__ import annotations

from stressor.config.keys import KEYS, Key, parse_duration
from stressor.config.loading import is_path, load, moved
from stressor.config.settings import Configuration, Origin, Setting

__all__ = ["KEYS", "Configuration", "Key", "Origin", "Setting", "is_path", "load", "moved", "parse_duration"]
