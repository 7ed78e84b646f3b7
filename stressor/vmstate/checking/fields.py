"""The checks of each field of a description, as named callables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from stressor.errors import StateError, StreamError
from stressor.vmstate.checking.damages import damages
from stressor.vmstate.checking.places import Place
from stressor.vmstate.checking.states import Setting, States
from stressor.vmstate.checks import embedded
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Buffer, Scalar, ScalarType
from stressor.vmstate.live import LiveState
from stressor.vmstate.load import name_body
from stressor.vmstate.save import write_body
from stressor.vmstate.wire import NamedField, WireWriter

__all__ = ["FieldCheck", "description_checks"]


@dataclass(frozen=True, slots=True)
class FieldCheck:
    """One check: `id` as `serial.lcr: round trip`. A call raises AssertionError when it fails."""

    id: str
    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()

    def __repr__(self) -> str:
        return f"<FieldCheck {self.id}>"


def description_checks(
    description: Description, factory: Callable[[], Any]
) -> list[FieldCheck]:
    """Return the checks of every field that an object of `factory()` has.

    `bytes`: a value moved away from the default shows at the field's own place, as declared, and at
    no other. `round trip`: it comes back in another object. `truncated`: bytes that end in it are
    refused. `kept from version N`: a stream that is too old to have it leaves it as it is.
    `refused`: each value that its kind cannot have. A refused load leaves the object as it was.
    A field that is the length of others, or that a load only compares, is not moved.
    """
    check = _Checks(description, factory)
    found = [
        FieldCheck(f"{description.name}: {what}", run)
        for what, run in (
            ("saved twice alike", check.saved_twice),
            ("bytes too many refused", check.too_many),
            ("newer version refused", check.newer),
            *([("older version refused", check.older)] if description.minimum_version else []),
        )
    ]
    lengths = _lengths(check.states)
    for place in check.states.places:
        for what, run in check.of(place, place in lengths):
            found.append(FieldCheck(f"{description.name}.{place.path}: {what}", run))
    return found


def _lengths(states: States) -> list[Place]:
    """Return the places that say how long others are."""
    sample = states.made(())
    named = [
        (place.holder(sample), place.field.length)  # type: ignore[attr-defined]
        for place in states.places
        if getattr(place.field, "length", None) is not None
    ]
    named += [(obj, length) for obj, length in _struct_lengths(states.description, sample)]
    return [
        place
        for place in states.places
        if any(
            place.holder(sample) is obj and length in (place.field.name, place.field.attribute)
            for obj, length in named
        )
    ]


def _struct_lengths(description: Description, obj: Any) -> Iterator[tuple[Any, str]]:
    for field in description.fields:
        length = getattr(field, "length", None)
        if length is not None:
            yield obj, length
        inner = getattr(field, "description", None)
        part = getattr(obj, field.attribute, None)
        if isinstance(inner, Description) and part is not None:
            yield from _struct_lengths(inner, part)
    for subsection in description.subsections:
        yield from _struct_lengths(subsection, obj)


class _Checks:
    """The checks of one description; each makes its own objects."""

    def __init__(self, description: Description, factory: Callable[[], Any]) -> None:
        self.states: Final = States(description, factory)
        self._description: Final = description
        self._live: Final = LiveState()
        self._hooked: Final = any(
            part.post_load is not None for part in _all_parts(description)
        )

    def of(self, place: Place, length: bool) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield what is checked of one field."""
        if not length and not place.settled and next(place.others(self.states.made(())), ...) is not ...:
            yield "bytes", lambda: self._bytes(place)
            yield "round trip", lambda: self._round_trip(place)
            if place.since > self._description.minimum_version and place.field in self._description.fields:
                yield f"kept from version {place.since - 1}", lambda: self._kept(place)
        yield "truncated", lambda: self._truncated(place)
        for damage in damages(place.field):
            yield damage.name, lambda damage=damage: self._damaged(place, damage)  # type: ignore[misc]

    def saved_twice(self) -> None:
        """Saving changes nothing that is saved."""
        obj = self.states.made(())
        first, second = self._description.save(obj), self._description.save(obj)
        assert first == second, f"saved {first.hex()}, and then {second.hex()}"

    def too_many(self) -> None:
        """A byte behind the end is refused."""
        obj = self.states.made(())
        self._refused(obj, self._description.save(obj) + b"\0", "a byte too many was taken")

    def newer(self) -> None:
        """A stream of the next version is refused."""
        version = self._description.version + 1
        obj = self.states.made(())
        data = self._description.save(obj)
        self._refused(obj, data, f"version {version} was taken", version)

    def older(self) -> None:
        """A stream of the version before the oldest is refused."""
        version = self._description.minimum_version - 1
        obj = self.states.made(())
        data = self._description.save(obj)
        self._refused(obj, data, f"version {version} was taken", version)

    def _bytes(self, place: Place) -> None:
        problem = "no other value of it can be saved"
        for settings in self.states.travelling(place, ruled=False):
            before, after = self.states.made(settings[1:]), self.states.made(settings)
            try:
                old, new = self._pieces(before), self._pieces(after)
            except StateError as error:
                problem = str(error)
                continue
            own = [path for path in new if place.owns(path)]
            changed = {path for path in old.keys() & new.keys() if old[path] != new[path]}
            stray = sorted(path for path in changed if not place.owns(path))
            assert own, f"{place.path} is not among the saved pieces"
            assert not stray, f"moving {place.path} changes {', '.join(stray)}"
            assert changed or not any(path in old for path in own) or _resized(place, old, new), (
                f"{place.path} is {_text(place.get(after))}, and its bytes are as before"
            )
            self._as_declared(place, after)
            return
        raise AssertionError(_never(place, problem))

    def _as_declared(self, place: Place, obj: Any) -> None:
        """What can be told from the declaration alone is what was saved."""
        data = self._description.save(obj)
        own = [piece for piece in self._named(obj, data) if place.owns(piece.path)]
        field, live = place.field, place.get(obj)
        if isinstance(field, Scalar):
            saved: Any = own[0].value
            assert own[0].kind == field.type.name, f"{place.path} was saved as {own[0].kind}"
        elif isinstance(field, Buffer) and field.length is None:
            saved = b"".join(data[piece.offset : piece.offset + piece.size] for piece in own)
        else:
            return
        assert saved == live, f"{place.path} is {_text(live)}, and {_text(saved)} was saved"

    def _round_trip(self, place: Place) -> None:
        problem = ""
        for settings in self._candidates(place):
            source, target = self.states.made(settings), self.states.made(())
            default = place.get(target)
            try:
                data = self._description.save(source)
                self._description.load(target, data)
            except (StateError, StreamError) as error:
                problem = problem or str(error)
                continue
            wanted, found = place.get(source), place.get(target)
            if found != wanted:
                lost = (
                    f"{place.path} was {_text(wanted)}, and is {_text(found)} after the load"
                )
                assert self._hooked, lost
                problem = lost
                if found == default:
                    continue  # worked out after the load, from other fields: move those as well
                self._stable(place, target)
                return
            before, after = (self._own(place, obj) for obj in (source, target))
            assert before == after, f"saved {before}, and after the load {after}"
            return
        raise AssertionError(_never(place, problem or "none can be saved"))

    def _candidates(self, place: Place) -> Iterator[tuple[Setting, ...]]:
        yield from self.states.travelling(place, ruled=True)
        if self._hooked:
            yield from self.states.beside_others(place)

    def _stable(self, place: Place, source: Any) -> None:
        """What a hook made of a value must come back itself."""
        target = self.states.made(())
        data = self._description.save(source)
        self._description.load(target, data)
        wanted, found = place.get(source), place.get(target)
        assert found == wanted, (
            f"{place.path} was {_text(wanted)}, and is {_text(found)} after the load"
        )

    def _kept(self, place: Place) -> None:
        version = place.since - 1
        problem = "no other value of it can be saved"
        for settings in self.states.travelling(place, ruled=True):
            source, target = self.states.made(settings), self.states.made(settings)
            try:
                data = self._older(source, version)
                self._description.load(target, data, version)
            except (StateError, StreamError) as error:
                problem = str(error)
                continue
            wanted, found = place.get(source), place.get(target)
            # What a hook makes of an older stream is for it to say.
            assert found == wanted or self._hooked, (
                f"{place.path} was {_text(wanted)}, and a stream of version {version}, which "
                f"does not have it, made it {_text(found)}"
            )
            return
        raise AssertionError(_never(place, problem))

    def _older(self, obj: Any, version: int) -> bytes:
        if self._description.pre_save is not None:
            self._description.pre_save(obj)
        writer = WireWriter()
        write_body(self._description, obj, writer, version)
        return writer.finish()

    def _truncated(self, place: Place) -> None:
        settings = self._settings(place)
        obj = self.states.made(settings)
        data = self._description.save(obj)
        for piece in self._named(obj, data):
            if place.owns(piece.path):
                # What ends where a subsection could begin may be whole without it.
                first = piece.offset + (piece.kind == "subsection")
                for end in range(first, piece.offset + piece.size):
                    self._refused(obj, data[:end], f"{end} of {len(data)} bytes were taken")

    def _damaged(self, place: Place, damage: Any) -> None:
        settings = self._settings(place)
        obj = self.states.made(settings)
        data = self._description.save(obj)
        for piece in self._named(obj, data):
            if place.owns(piece.path):
                raw = damage.apply(place, obj, piece)
                if raw is not None:
                    end = piece.offset + piece.size
                    changed = data[: piece.offset] + raw + data[end:]
                    self._refused(obj, changed, f"{piece.path} = {raw.hex()} was taken")
                    return

    def _settings(self, place: Place) -> tuple[Setting, ...]:
        """Return settings with which a place travels, and can be saved."""
        problem = "no state was found that is accepted"
        for search in (self.states.unmoved(place), self.states.travelling(place, ruled=True)):
            for settings in search:
                obj = self.states.made(settings)
                try:
                    data = self._description.save(obj)
                    self._description.load(obj, data)
                except (StateError, StreamError) as error:
                    problem = str(error)
                    continue
                if any(place.owns(piece.path) for piece in self._named(obj, data)):
                    return settings
        raise AssertionError(_never(place, problem))

    def _named(self, obj: Any, data: bytes) -> list[NamedField]:
        return name_body(self._description, data, self._description.version, obj=obj)

    def _pieces(self, obj: Any) -> dict[str, bytes]:
        data = self._description.save(obj)
        return {
            piece.path: data[piece.offset : piece.offset + piece.size]
            for piece in self._named(obj, data)
            if piece.kind not in ("unused", "subsection")
        }

    def _own(self, place: Place, obj: Any) -> dict[str, str]:
        """Return the pieces of a place as hex digits."""
        return {
            path: piece.hex() for path, piece in self._pieces(obj).items() if place.owns(path)
        }

    def _refused(self, obj: Any, data: bytes, taken: str, version: int | None = None) -> None:
        before = self._live.digest(obj)
        try:
            if version is None:
                self._description.load(obj, data)
            else:
                self._description.load(obj, data, version)
        except StreamError:
            assert self._live.digest(obj) == before, "a refused load changed the object"
            return
        raise AssertionError(taken)


def _all_parts(description: Description) -> Iterator[Description]:
    """Yield a description, its subsections, and what is embedded in any of them."""
    for part in (description, *embedded(description)):
        yield from _with_subsections(part)


def _with_subsections(description: Description) -> Iterator[Description]:
    yield description
    for subsection in description.subsections:
        yield from _with_subsections(subsection)


def _resized(place: Place, old: dict[str, bytes], new: dict[str, bytes]) -> bool:
    """Return whether the pieces of a field are more or fewer."""
    return {path for path in old if place.owns(path)} != {path for path in new if place.owns(path)}


def _never(place: Place, problem: str) -> str:
    return (
        f"{place.path} has no other value that travels and is accepted: {problem}; "
        "give a factory of objects in which it has, or could have, one"
    )


def _text(value: Any) -> str:
    if isinstance(value, ScalarType) or not isinstance(value, int) or isinstance(value, bool):
        return f"{value!r:.60}"
    return f"{value:#x}"
