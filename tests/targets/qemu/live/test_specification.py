"""`qemu:live,...` and its options."""

from __future__ import annotations

import pytest

from stressor.errors import UsageError
from stressor.targets.qemu.live.specification import is_live, live_written, parse_live


def test_everything_has_a_default_but_the_guest() -> None:
    parsed = parse_live("qemu:live -- -kernel vmlinuz")

    assert (parsed.machine, parsed.binary, parsed.memory) == (None, None, "256M")
    assert (parsed.period, parsed.silence, parsed.heartbeat) == (0.1, 10.0, None)
    assert parsed.argument("-kernel") == "vmlinuz"
    assert parsed.argument("-initrd") is None


def test_options_are_written_into_the_text_and_read_back() -> None:
    text = live_written(
        "qemu:live,machine=q35 -- -device edu",
        {"period": "1.5s", "heartbeat": "a,b [0-9]{1,3}", "only": ("serial*", "i8254/0"), "except": ("*/1",)},
        {"kernel": "my kernel", "append": "console=ttyS0 quiet"},
    )

    parsed = parse_live(text)

    assert (parsed.machine, parsed.period, parsed.heartbeat) == ("q35", 1.5, "a,b [0-9]{1,3}")
    assert (parsed.only, parsed.excluded) == (("serial*", "i8254/0"), ("*/1",))
    assert parsed.arguments == (
        "-kernel", "my kernel", "-append", "console=ttyS0 quiet", "-device", "edu",
    )  # fmt: skip


def test_a_name_says_what_is_stressed_and_not_which_guest_does_it() -> None:
    text = "qemu:live,machine=q35,period=1s -- -kernel k -append 'a b' -drive file=/a/b,if=virtio -device edu"

    assert parse_live(text).name == "qemu:live,machine=q35 -drive if=virtio -device edu"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("qemu:live,period=0s", "period=0s is no duration above zero; write 100ms or 10s"),
        ("qemu:live,silence=soon", "silence=soon is no duration"),
        ("qemu:live,memory=much", "memory=much is no size; write 256M or 1G"),
        ("qemu:live,heartbeat=(", "heartbeat=\\( is no regular expression"),
        ("qemu:live,region=a", "'region=a' is no option of a guest; it has machine, "),
        ("qemu:live,period", "'period' is no option"),
        ("qemu:live,memory=1G,memory=2G", "memory is given twice; leave one"),
        ("qemu:live -- '", "what follows -- cannot be split into words"),
    ],
)
def test_what_makes_no_sense_is_told_with_the_cure(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_live(text)


@pytest.mark.parametrize(
    ("text", "live"),
    [("qemu:live", True), ("qemu:live,period=1s", True), ("qemu:live -- -hda d", True), ("qemu:live-wire", False), ("qemu:e1000", False)],
)
def test_a_guest_is_told_from_a_device(text: str, live: bool) -> None:
    assert is_live(text) is live
