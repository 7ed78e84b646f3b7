"""The operations of a device class: what its declaration says that can be done to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stressor.device import Device, Line, Memory, Region
from stressor.errors import DescriptionError
from stressor.loop.operations import Duration, OneOf, OperationType, RegisterValue, Strategy

__all__ = ["operations_of", "strategies_of"]

_FIRINGS = 256  # timers that one advance lets fire: a second of a timer of a microsecond would take one
_EVERY_REGISTER = 64  # up to so many offsets each one is a kind of operation of its own


def operations_of(
    cls: type[Device], sample: Device
) -> tuple[tuple[OperationType, ...], dict[str, Callable[..., object]]]:
    """Return the kinds of operation of a class, and what to call for each name, with the device in front."""
    kinds, paths = _operations(cls, sample)
    return kinds, {name: _function(cls, path) for name, path in paths.items()}


def _function(cls: type[Device], path: str) -> Callable[..., object]:
    """Return the function behind a method (`_read`) or a part's method (`clock.advance`): called with
    the device in front, so that a new device needs no binding."""
    part, _, method = path.rpartition(".")
    if not part:
        return getattr(cls, method)  # type: ignore[no-any-return]
    if method == "expire":
        return lambda device: device.clock.expire()
    if method == "advance":
        return lambda device, duration: device.clock.advance(duration, _FIRINGS)
    if method == "store":
        return lambda device, address, data: getattr(device, part).store(address, data)
    if method == "set":
        return lambda device, level: getattr(device, part).set(level)
    raise ValueError(path)


def _operations(
    cls: type[Device], sample: Device
) -> tuple[tuple[OperationType, ...], dict[str, str]]:
    kinds: list[OperationType] = []
    paths: dict[str, str] = {}
    members = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
    regions = [member for member in members.values() if isinstance(member, Region)]
    for region in regions:
        _region(cls, region, f"{region.name}." if len(regions) > 1 else "", kinds, paths)
    for name, part in vars(sample).items():
        if isinstance(part, Line) and part.input:
            paths[f"{name}.set"] = f"{name}.set"
            kinds.append(OperationType(f"{name}.set", f"set {name}", (), (OneOf((0, 1)),), 0.5))
        elif isinstance(part, Memory):
            paths[f"{name}.store"] = f"{name}.store"
            addresses = OneOf(tuple(range(0, part.size - 15, max(16, part.size // 256))))
            patterns = OneOf((*(bytes([byte]) * 16 for byte in (0, 0xFF, 0xA5)), bytes(range(16))))
            kinds.append(OperationType(f"{name}.store", f"store {name}", (), (addresses, patterns)))
    if sample.clock.timers:
        paths["clock.advance"], paths["clock.expire"] = "clock.advance", "clock.expire"
        kinds.append(OperationType("clock.advance", "advance", (), (Duration(),), 2.0))
        kinds.append(OperationType("clock.expire", "expire", (), (), 2.0))
    for name, member in members.items():
        arguments = getattr(member, "stressor_operation", None)
        if arguments is None:
            continue
        paths[name] = name
        kinds.append(OperationType(name, name, (), strategies_of(cls.__name__, name, arguments), 3.0))
    return tuple(kinds), paths


def strategies_of(owner: str, method: str, arguments: Mapping[str, object]) -> tuple[Strategy, ...]:
    """Return where the arguments of an author's operation come from. Raises DescriptionError for one that is given no
    strategy."""
    from stressor.search.hypothesis_engine import SearchStrategy  # loads hypothesis

    for name, given in arguments.items():
        if not isinstance(given, SearchStrategy):
            instead = f"from_type({given.__name__})" if isinstance(given, type) else f"just({given!r:.40})"
            raise DescriptionError(
                owner, method, f"its argument {name} is given {given!r:.40}, which is no Hypothesis strategy",
                f"write {name}=st.{instead}, or what it may be, with `import hypothesis.strategies as st`",
            )
    return tuple(map(Strategy, arguments.values()))


def _region(
    cls: type[Device], region: Region, prefix: str, kinds: list[OperationType], paths: dict[str, str]
) -> None:
    if region.reader is None and region.writer is None:
        raise DescriptionError(
            cls.__name__, region.name, "the region has no handlers",
            f"decorate methods with @{region.name}.on_read and @{region.name}.on_write",
        )
    for missing in (region.reader, region.writer):
        if missing is not None and not hasattr(cls, missing):
            raise DescriptionError(
                cls.__name__, region.name, f"its handler {missing}() belongs to a subclass, which has decorated it on this class' region",
                f"override the method that {region.name} had here, or declare a region of the subclass' own",
            )
    for width in region.widths:
        offsets = range(0, region.size - width + 1, width)
        if region.registers:
            single = [offset for offset in offsets if offset in region.registers]
        else:
            single = list(offsets) if len(offsets) <= _EVERY_REGISTER else []
        rest = tuple(offset for offset in offsets if offset not in set(single))
        for verb, handler in (("read", region.reader), ("write", region.writer)):
            if handler is None:
                continue
            name = f"{region.name}.{verb}"
            paths[name] = handler
            value = (RegisterValue(width),) if verb == "write" else ()
            for offset in single:
                label = f"{verb} {prefix}{region.register(offset)}"
                if len(region.widths) > 1:
                    label += f" ({8 * width} bits)"
                kinds.append(OperationType(name, label, (offset, width), value))
            if rest:
                label = f"{verb} {prefix}{'other' if single else region.name}"
                kinds.append(OperationType(name, label, (), (OneOf(rest), OneOf((width,)), *value)))
