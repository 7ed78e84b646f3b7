"""Would the harness have noticed? Every field of a target is lost on purpose, in several ways, one at a time."""

__all__: list[str] = []
