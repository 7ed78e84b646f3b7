"""When a field was last written: worked out once, for the trace that a report shows."""

from __future__ import annotations

from collections.abc import Sequence

from stressor.loop.target import StillbornError, TargetType
from stressor.loop.trace import Cycle, Step
from stressor.loop.watchdog import RAISED, Watchdog
from stressor.vmstate.live import same

__all__ = ["last_written"]


def last_written(
    target_type: TargetType, trace: Sequence[Step], attribute: str, before: int, watchdog: Watchdog
) -> int | None:
    """Return the index of the last operation before step `before` that changed a live attribute."""
    try:
        target = target_type.open()
    except StillbornError:
        return None
    found = None
    try:
        if attribute not in target.attributes():
            return None
        value = target.value(attribute)
        # where one value costs as much as all, they are told apart first
        compared = not target_type.walks and target.field(attribute).unsaved is None
        digest = target.examine() if compared else b""
        for index, step in enumerate(trace[:before]):
            if isinstance(step, Cycle):
                continue
            watchdog.beats += 1
            watchdog.inside = True
            target.execute([step])
            watchdog.inside = False
            if compared:
                was, digest = digest, target.examine()
                if digest == was:
                    continue
            now = target.value(attribute)
            if not same(now, value):
                found, value = index, now
    except RAISED:  # only a nicety in a report: never worth failing for
        return None
    finally:
        watchdog.inside = False
        target.close()
    return found
