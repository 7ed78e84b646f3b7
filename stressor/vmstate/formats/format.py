"""What a format is: a description seen as documents of one kind."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

from stressor.vmstate.description import Description
from stressor.vmstate.load import read_body
from stressor.vmstate.save import write_body
from stressor.vmstate.visitor import Reader, Writer

__all__ = ["Format"]

Document = TypeVar("Document")


class Format(Generic[Document]):
    """A description in one format. A subclass says how its documents are written and read."""

    def __init__(self, description: Description) -> None:
        self.description: Final = description

    def writer(self) -> Writer:
        """Return what is given the pieces of one body, and whose `finish` is the document."""
        raise NotImplementedError

    def reader(self, document: Document) -> Reader:
        """Return what has the pieces of a document. Raises StreamError for what is none."""
        raise NotImplementedError

    def save(self, obj: Any) -> Document:
        """Return the document. Raises StateError as `Description.save`."""
        if self.description.pre_save is not None:
            self.description.pre_save(obj)
        writer = self.writer()
        write_body(self.description, obj, writer)
        document: Document = writer.finish()
        return document

    def load(self, obj: Any, document: Document) -> None:
        """Load a document in place, all or nothing. Raises StreamError as `Description.load`."""
        self.load_from(obj, self.reader(document))

    def load_from(self, obj: Any, reader: Reader) -> None:
        """Load what a reader of this format has, as `load` does."""
        version = self.description.version if reader.version is None else reader.version
        read_body(self.description, obj, reader, version)
