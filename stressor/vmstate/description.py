"""A device's state, declared once: saving, loading, naming and checking are derived from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from stressor.errors import DescriptionError
from stressor.vmstate.condition import as_predicate
from stressor.vmstate.kinds import Declaration, Field, Predicate, Test
from stressor.vmstate.wire import NamedField

__all__ = ["Description", "Validate"]

_HERE: Final = os.path.dirname(__file__)


@dataclass(frozen=True, slots=True, eq=False)
class Validate:
    """A property of the object that holds whenever it is saved, and after every load.

    The predicate is a function of the object, or text (see `stressor.vmstate.condition`).
    """

    text: str
    predicate: Predicate

    def __init__(self, text: str, predicate: Test) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "predicate", as_predicate(str(text), predicate))


class Description:
    """The ordered, typed fields of an object that travel, and the rules about them.

    `name` stands in the stream for sections and subsections. Streams of `minimum_version` up to
    `version` are loaded. A subsection is a description with `needed`: it describes more fields of
    the same object, and travels only while `needed` holds of it: a function of the object, or text
    (see `stressor.vmstate.condition`). `pre_save(object)` runs before the fields are read, `post_load(object, version)` after they were assigned; it refuses by
    raising ValueError or StreamError. `unsaved` gives a reason for each attribute that
    deliberately does not travel.

    Raises DescriptionError for anything that cannot be right.
    """

    def __init__(
        self,
        name: str,
        *,
        version: int = 1,
        minimum_version: int | None = None,
        fields: Sequence[Field] = (),
        subsections: Sequence[Description] = (),
        needed: Test | None = None,
        validate: Sequence[Validate] = (),
        pre_save: Callable[[Any], object] | None = None,
        post_load: Callable[[Any, int], object] | None = None,
        unsaved: Mapping[str, str] | None = None,
    ) -> None:
        # Imported here because all of them know what a description is.
        from stressor.vmstate.checks import check_description
        from stressor.vmstate.names import collect_names

        frame = sys._getframe(1)
        self.declaration: Final = Declaration(frame.f_code.co_filename, frame.f_lineno)
        self.name: Final = name
        self.version: Final = version
        self.minimum_version: Final = version if minimum_version is None else minimum_version
        self.fields: Final = tuple(fields)
        self.subsections: Final = tuple(subsections)
        self.needed: Final[Predicate | None] = as_predicate(str(name), needed)
        self.validate: Final = tuple(validate)
        self.pre_save: Final = pre_save
        self.post_load: Final = post_load
        self._unsaved: Final = dict(unsaved or {})
        check_description(self)
        self._names: Final = collect_names(self)
        for attribute in self._unsaved:
            if {attribute, f"{attribute}[]"} & self._names.attributes.keys():
                raise DescriptionError(
                    name,
                    attribute,
                    "is described and named in unsaved",
                    "remove it from one of them",
                )
        self.owner: type | None = None
        """The class of whose body the description is an attribute, if any."""
        self._bound: Final[set[type]] = set()
        self._savers: Callable[[Any], bytes] | None = None
        self._packer: Callable[[Any], tuple[bytes, Hashable]] | None = None
        self._loaders: Final[dict[type, Callable[[Any, bytes], None]]] = {}

    def __repr__(self) -> str:
        return f"<Description {self.name} version {self.version}>"

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner = owner

    def save(self, obj: Any) -> bytes:
        """Return the body. Raises StateError when a value does not fit its field; hooks pass."""
        save = self._savers
        if save is None:
            from stressor.vmstate.compile_save import compile_save

            save = self._savers = compile_save(self)
        return save(obj)

    def pack(self, obj: Any) -> tuple[bytes, Hashable]:
        """Return the body and its layout: equal layouts have each field at the same offset."""
        pack = self._packer
        if pack is None:
            from stressor.vmstate.compile_save import compile_pack

            pack = self._packer = compile_pack(self)
        return pack(obj)

    def load(self, obj: Any, data: bytes, version: int | None = None) -> None:
        """Load a body that was saved by `version` (this one by default), in place.

        All or nothing: when it raises, `obj` is as it was. Raises StreamError when the bytes are
        refused by their form, by `post_load` or by a `Validate`.
        """
        if version is None or version == self.version:
            load = self._loaders.get(obj.__class__)
            if load is None:
                from stressor.vmstate.compile_load import compile_load

                load = self._loaders[obj.__class__] = compile_load(self, obj)
            load(obj, data)
        else:
            from stressor.vmstate.load import load_body

            load_body(self, obj, data, version)

    def fields_of(
        self, data: bytes, version: int | None = None, path: str = ""
    ) -> list[NamedField]:
        """Name every byte of a body, in order; no object is needed. `path` stands before each name.

        Raises StreamError, as well when what is there can only be told with the device.
        """
        from stressor.vmstate.load import name_body

        return name_body(self, data, self.version if version is None else version, path)

    def broken(self, obj: Any) -> str | None:
        """Return the text of the first `Validate` that does not hold, nested ones included."""
        return self._broken(obj)

    @cached_property
    def _broken(self) -> Callable[[Any], str | None]:
        from stressor.vmstate.compile_broken import compile_broken

        return compile_broken(self)

    def bind(self, obj: Any) -> None:
        """Check the description against an instance, once per class.

        Raises DescriptionError for an attribute that is missing or cannot carry its field.
        """
        if type(obj) not in self._bound:
            from stressor.vmstate.bind import check_instance

            check_instance(self, obj)
            self._bound.add(type(obj))

    def everywhere(self) -> Iterator[Description]:
        """Yield this description and all below it: subsections, and those of what is embedded."""
        yield self
        for field in self.fields:
            inner = getattr(field, "description", getattr(field, "element", None))
            if isinstance(inner, Description):
                yield from inner.everywhere()
        for subsection in self.subsections:
            yield from subsection.everywhere()

    @property
    def attributes(self) -> dict[str, str]:
        """The field path of each described attribute path, indexes as `[]`, subsections included."""
        return dict(self._names.attributes)

    @property
    def unsaved(self) -> dict[str, str]:
        """The reason for each attribute path that deliberately does not travel."""
        return dict(self._names.unsaved)

    @property
    def configuration(self) -> frozenset[str]:
        """The attribute paths (indexes as `[]`) that a load only looks at: what has to match, and lengths, bounds and
        conditions written as text that no field carries."""
        return self._names.configuration()

    @property
    def converted(self) -> frozenset[str]:
        """The attribute paths (indexes as `[]`) that are behind accessors."""
        return frozenset(self._names.converted)

    def declared(self, path: str) -> str | None:
        """Return `file:line` of the declaration of the field at `path`; indexes do not matter."""
        found = self._names.declared(path)
        return None if found is None else str(found)

    def width(self, path: str) -> int:
        """Return the size in bytes of the number at `path`, 0 when there is none."""
        return self._names.width(path)
