"""Side by side: Stressor against what a user would write instead. Run `python -m benchmarks`."""
