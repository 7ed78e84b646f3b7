"""The museum: every planted bug, one at least for each cause class and each oracle."""

from __future__ import annotations

from tests.museum.bug import PlantedBug
from tests.museum.forgetful import (
    CachesInterruptLevel,
    DropsScratch,
    FlushesFifosOnLoad,
    ForgetsFifos,
    ForgetsTimeoutTimer,
    ForgetsTransmitterEmpty,
    KeepsCharacterTime,
    NarrowsLineControl,
    ResetKeepsTimeout,
    UntimedTransmitter,
)
from tests.museum.unruly import (
    ClearsFifoButNotItsStatus,
    CrashesOnEmptyFifo,
    CrashesOnHighestTrigger,
    HidesReservedBits,
    LoadsBeforeChecking,
    PowersUpAtRandom,
    PulsesInterruptOnLoad,
    RefusesFilledFifo,
    SavingDrainsReceiver,
    WaitsForTransmitter,
)

__all__ = ["MUSEUM"]

MUSEUM: tuple[type[PlantedBug], ...] = (
    ForgetsFifos,
    ForgetsTransmitterEmpty,
    ForgetsTimeoutTimer,
    UntimedTransmitter,
    FlushesFifosOnLoad,
    DropsScratch,
    NarrowsLineControl,
    ResetKeepsTimeout,
    CachesInterruptLevel,
    KeepsCharacterTime,
    SavingDrainsReceiver,
    PulsesInterruptOnLoad,
    RefusesFilledFifo,
    CrashesOnHighestTrigger,
    CrashesOnEmptyFifo,
    WaitsForTransmitter,
    PowersUpAtRandom,
    ClearsFifoButNotItsStatus,
    LoadsBeforeChecking,
    HidesReservedBits,
)
