"""What the UART's description says of itself: each field's bytes, way back, truncations, refusals."""

from __future__ import annotations

from devices.uart16550 import UART16550
from stressor.vmstate.checking import description_tests


class TestFields(description_tests(UART16550.state)):  # type: ignore[misc]
    pass
