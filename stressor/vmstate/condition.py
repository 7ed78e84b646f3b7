"""Conditions written as text: data that can be read, checked, shown, and generated in line.

    needed="receive_fifo.count > 0"
    vm.Validate("TEMT is clear while a frame is shifted out", "(status & 0x40 == 0) == (sending != 0)")

A name is an attribute of the object. There are comparisons, `and or not in`, integer operators,
`a if b else c`, `len(...)` and constants; a constant's name is put in with an f-string.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from stressor.errors import DescriptionError

__all__ = ["Condition", "as_predicate"]

_LONGEST: Final = 1000  # characters: a condition, not a program
_ALLOWED: Final = (
    ast.Expression, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.IfExp, ast.Name,
    ast.Attribute, ast.Constant, ast.Tuple, ast.Call, ast.Load,
    ast.boolop, ast.unaryop, ast.cmpop,
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod,
    ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift,
)  # fmt: skip


class Condition:
    """An expression over the attributes of an object; called with the object it gives its value.

    Raises DescriptionError for text that is no such expression. A call raises what looking up an
    attribute or the operators raise.
    """

    __slots__ = ("_call", "_tree", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._tree: Final = _parsed(text)
        self._call: Callable[[Any], Any] | None = None

    def __repr__(self) -> str:
        return f"<Condition {self.text}>"

    def __call__(self, obj: Any) -> Any:
        if self._call is None:
            code = compile(f"lambda o: {self.source('o')}", f"<condition {self.text}>", "eval")
            self._call = eval(code, {"__builtins__": {"len": len}})
        return self._call(obj)

    def source(self, obj: str) -> str:
        """Return the expression as source, for an object in the local variable `obj`."""
        return _source(self.text, obj)

    def paths(self) -> Iterator[str]:
        """Yield the dotted path of each attribute that it looks at, in order."""
        yield from dict.fromkeys(_paths(self._tree))


def as_predicate(field: str, given: object) -> Any:
    """Return text as a `Condition`, anything else as it is. Raises DescriptionError for `field`."""
    if not isinstance(given, str):
        return given
    try:
        return Condition(given)
    except DescriptionError as error:
        raise DescriptionError("vm", field, error.problem, error.cure) from error


class _OnObject(ast.NodeTransformer):
    """Turns each name into an attribute of one local variable."""

    def __init__(self, obj: str) -> None:
        self._obj = obj

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Attribute(ast.Name(self._obj, ast.Load()), node.id, ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return ast.Call(node.func, [self.visit(node.args[0])], [])


@lru_cache(maxsize=1024)
def _source(text: str, obj: str) -> str:
    return f"({ast.unparse(_OnObject(obj).visit(_parsed(text)))})"


def _parsed(text: str) -> ast.expr:
    def wrong(problem: str) -> DescriptionError:
        cure = "write an expression over attributes, such as 'count > 0', or give a function"
        return DescriptionError("vm", "", f"has the condition {text!r:.80}, {problem}", cure)

    if len(text) > _LONGEST:
        raise wrong(f"which has {len(text)} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise wrong("which is no expression") from error
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise wrong(f"in which {type(node).__name__} is not for conditions")
        if isinstance(node, ast.Call) and not _is_length(node):
            raise wrong("which calls something other than len")
        if isinstance(node, ast.Attribute) and node.attr.startswith("__"):
            raise wrong(f"which looks at {node.attr}")
    if not any(isinstance(node, ast.Name) for node in ast.walk(tree)):
        raise wrong("which looks at no attribute")
    return tree.body


def _is_length(node: ast.Call) -> bool:
    called = isinstance(node.func, ast.Name) and node.func.id == "len"
    return called and len(node.args) == 1 and not node.keywords


def _paths(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        for path in _paths(node.value):
            yield f"{path}.{node.attr}"
    else:
        inner = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
        for child in inner:
            yield from _paths(child)
