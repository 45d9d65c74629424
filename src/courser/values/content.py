"""What a caller may give as content, and the body that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ..hints import TYPE_CHECKING
from .body import Body, BytesBody, to_bytes

if TYPE_CHECKING:
    from typing import Any

__all__ = ["content_body"]


def content_body(content: Any, name: str, *, owned: bool = False) -> Body:
    """Make a body of what a caller has given.

    Args:
        content: bytes, str, a binary file, a path, an iterable of bytes and str, or a function that gives one of them.
        name: what it is called in errors.
        owned: whether a file is to be closed after it was sent.

    Raises:
        InvalidRequest: it cannot be sent.
        TypeError: it is of another type.
    """
    if hasattr(content, "__aiter__"):
        from .pieces import AsyncIterableBody

        return AsyncIterableBody(content)
    if hasattr(content, "read"):
        from .files import FileBody

        return FileBody(content, owned=owned)
    if hasattr(content, "__fspath__"):
        from .files import PathBody

        return PathBody(content)
    if isinstance(content, Mapping):
        raise TypeError(f"{name} cannot be a mapping: a form goes into data=, a JSON object into json=")
    try:
        return BytesBody(to_bytes(content, name))
    except TypeError:
        return _stream(content, name)


def _stream(content: Any, name: str) -> Body:
    if hasattr(content, "__iter__"):
        from .pieces import IterableBody

        return IterableBody(content)
    if callable(content):
        from .pieces import FactoryBody

        return FactoryBody(partial(_made, content, name))
    kind = type(content).__name__
    raise TypeError(f"{name} is bytes, str, a binary file, a path, an iterable of bytes or a function, not {kind}")


def _made(factory: Callable[[], object], name: str) -> Body:
    given = factory()
    if hasattr(given, "__await__"):
        close = getattr(given, "close", None)
        if close is not None:
            close()  # a coroutine that nobody will await
        raise TypeError(f"the function given as {name} gave something to await: it may give an async iterable")
    return content_body(given, f"what the function given as {name} gave", owned=True)
