"""What reads and writes JSON: the standard library, or whatever a client was given."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import JSONError
from ..hints import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

    from .request import Request

__all__ = ["JSONCodec", "JSONCodecTypes", "codec_of", "read_json"]

JSONCodecTypes: TypeAlias = "Any | tuple[Callable[[bytes], Any], Callable[[Any], str | bytes]]"
"""A module or an object with loads and dumps, or with decode and encode, or a pair of such functions."""

SHOWN: Final = 60
"""Bytes of a body that an error shows."""

_NAMES: Final = (("loads", "dumps"), ("decode", "encode"))

_BOM: Final = b"\xef\xbb\xbf"


class JSONCodec(NamedTuple):
    """What reads and writes JSON.

    Attributes:
        loads: makes a value of UTF-8.
        dumps: makes text, or UTF-8, of a value.
    """

    loads: Callable[..., Any]
    dumps: Callable[[Any], str | bytes]


def codec_of(codec: JSONCodecTypes) -> JSONCodec:
    """What a client was given to read and write JSON.

    Raises:
        TypeError: it can neither read nor write.
    """
    if isinstance(codec, tuple | list):
        pair = tuple(cast("tuple[Any, ...]", codec))
        if len(pair) == 2 and all(map(callable, pair)):
            return JSONCodec(*pair)
    else:
        for reading, writing in _NAMES:
            found: tuple[Any, Any] = getattr(codec, reading, None), getattr(codec, writing, None)
            if all(map(callable, found)):
                return JSONCodec(*found)
    raise TypeError(
        "json_codec has loads and dumps, as orjson, or decode and encode, as msgspec.json, "
        f"or is a pair of such functions, not {codec!r}"
    )


def read_json(
    content: bytes, loads: Callable[..., Any] | None, options: dict[str, Any], where: str, request: Request | None
) -> Any:
    """Read a JSON text by its bytes (RFC 8259 section 8.1): UTF-8, or by its first bytes UTF-16 or UTF-32.

    Args:
        content: the text; a byte order mark is ignored.
        loads: reads UTF-8; None is the standard library.
        options: what else it is called with.
        where: which text it is, for the error.
        request: what it answers.

    Raises:
        JSONError: it is not JSON.
    """
    problem: Exception
    try:
        if loads is not None:
            return loads(_utf8(content), **options)
        from json import loads as standard

        return standard(content, **options)
    except (ValueError, RecursionError) as error:
        problem = error
    except TypeError:
        raise  # an option that there is not, rather than a text
    except Exception as error:
        if loads is None:
            raise  # a function among the options raised it
        problem = error  # codecs have errors of their own: msgspec's are none of the builtin ones
    detail = f"{str(problem) or type(problem).__name__}; {where}, {len(content)} bytes that begin {content[:SHOWN]!r}"
    raise JSONError(detail=detail, request=request) from problem


def _utf8(content: bytes) -> bytes:
    if b"\0" not in content[:4] and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return content.removeprefix(_BOM)
    from json import detect_encoding

    return content.decode(detect_encoding(content)).encode()
