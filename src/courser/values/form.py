"""Forms: pairs of a name and a value, as they are sent urlencoded and in a multipart (URL Standard, section 5).

The rules are those of query parameters: True is `true`, None is left out, a list or tuple is one field for each item.
Beside that a value may be bytes, which are sent as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..errors import InvalidRequest, InvalidURL
from ..hints import TYPE_CHECKING, cast
from .percent import COMPONENT, encode, encode_bytes
from .query import plain_text

if TYPE_CHECKING:
    from typing import Any

__all__ = ["encode_form", "form_fields", "pairs_of"]


def pairs_of(given: Any, what: str) -> Iterator[tuple[str, Any]]:
    """Yield the pairs of a mapping or of an iterable of pairs.

    Args:
        given: one of them; of a mapping with several values of a name, all.
        what: what it is called in errors.

    Raises:
        TypeError: it is neither, or a name is not a str.
    """
    items = getattr(given, "multi_items", None) or getattr(given, "items", None)
    if items is None and not hasattr(given, "__iter__"):
        raise TypeError(f"{what} is a mapping or pairs of a name and a value, not {type(given).__name__}")
    for item in cast("Iterable[Any]", given if items is None else items()):
        if not isinstance(item, tuple | list) or len(cast("Sequence[Any]", item)) != 2:
            kind = type(cast("object", item)).__name__
            raise TypeError(f"{what} is a mapping or pairs of a name and a value; this item is {kind}")
        name, value = cast("Sequence[Any]", item)
        if not isinstance(name, str):
            raise TypeError(f"the name of a field in {what} is a str, not {name!r}")
        yield name, value


def form_fields(form: Any) -> Iterator[tuple[str, str | bytes]]:
    """Yield the fields of a form.

    Args:
        form: a mapping or pairs; a value may be a scalar, bytes, None, or a list or tuple of them.

    Raises:
        TypeError: a name or a value is of another type.
    """
    for name, value in pairs_of(form, "data"):
        values = cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,)
        for each in values:
            if each is not None:
                yield name, _scalar(name, each)


def _scalar(name: str, value: Any) -> str | bytes:
    text = plain_text(value)
    if text is not None:
        return text
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(cast("bytes", value))
    kind = type(cast("object", value)).__name__
    raise TypeError(f"form field {name!r} cannot be a {kind}: use a str, bytes, int, float, bool or None")


def encode_form(form: Any) -> bytes:
    """Return a body of the type application/x-www-form-urlencoded.

    Args:
        form: see `form_fields`.

    Raises:
        TypeError: a name or a value is of another type.
        InvalidRequest: a lone surrogate.
    """
    try:
        pairs = [f"{encode(name, COMPONENT)}={_encode(value)}" for name, value in form_fields(form)]
    except InvalidURL as error:
        raise InvalidRequest(detail=f"form: {error.detail}", hint=error.hint) from error
    return "&".join(pairs).replace("%20", "+").encode("ascii")


def _encode(value: str | bytes) -> str:
    return encode(value, COMPONENT) if isinstance(value, str) else encode_bytes(value, COMPONENT)
