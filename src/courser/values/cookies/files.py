"""Cookies in files: as JSON, which holds all of a cookie, and as Netscape's cookies.txt, which curl and wget read too.

A line of cookies.txt has no room for SameSite, Partitioned and the time of creation. They go into a comment in front
of it, which other programs pass over. Nothing that is read is run: a file can hold cookies and nothing else.
"""

from __future__ import annotations

import os
from json import dumps, loads

from ...errors import InvalidRequest
from ...hints import TYPE_CHECKING, cast
from ..pattern import late_pattern
from .record import Cookie, checked_cookie

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Final

__all__ = ["FORMATS", "read", "write_file"]

NETSCAPE: Final = "# Netscape HTTP Cookie File"
HTTP_ONLY: Final = "#HttpOnly_"
MORE: Final = "#courser "
"""What begins the comment in front of a line of cookies.txt."""

FIELDS: Final = tuple(Cookie._fields)
_SECONDS: Final = late_pattern(r"-?[0-9]{1,18}|")

UNSAID: Final = ("same_site", "partitioned", "created")
"""What a line of cookies.txt does not say."""


def read(data: bytes) -> list[Cookie]:
    """The cookies in the contents of a file of either format.

    Raises:
        InvalidRequest: there is something else in it.
    """
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    cookies = _from_json(text) if text.lstrip()[:1] in ("{", "[") else _from_netscape(text)
    found: list[Cookie] = []
    for where, cookie in cookies:
        try:
            found.append(checked_cookie(cookie))
        except (TypeError, InvalidRequest) as error:
            raise _bad(where, getattr(error, "detail", str(error))) from error
    return found


def _bad(where: str, why: str) -> InvalidRequest:
    return InvalidRequest(detail=f"this is no file of cookies, {where}: {why}", hint="JSON or Netscape's cookies.txt")


# JSON


def _json(cookies: Iterable[Cookie]) -> bytes:
    return dumps({"cookies": [cookie._asdict() for cookie in cookies]}, indent=1).encode("ascii") + b"\n"


def _from_json(text: str) -> Iterator[tuple[str, Cookie]]:
    try:
        value: Any = loads(text)
    except ValueError as error:
        raise _bad("it begins like JSON", str(error)) from error
    items = cast("dict[str, Any]", value).get("cookies") if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise _bad("it is JSON", "but not a list of cookies")
    for number, item in enumerate(cast("list[object]", items), 1):
        where = f"cookie {number}"
        if not isinstance(item, dict) or not {"name", "value"} <= cast("dict[str, Any]", item).keys() <= {*FIELDS}:
            raise _bad(where, f"not an object of {', '.join(FIELDS)}")
        yield where, _typed(where, Cookie(**cast("dict[str, Any]", item)))


def _typed(where: str, cookie: Cookie) -> Cookie:
    for name in ("host_only", "secure", "http_only", "partitioned"):
        if not isinstance(getattr(cookie, name), bool):
            raise _bad(where, f"{name} is neither true nor false")
    if type(cookie.created) not in (int, float):
        raise _bad(where, "created is no number")
    return cookie


# Netscape


def _netscape(cookies: Iterable[Cookie]) -> bytes:
    lines = [NETSCAPE, "# https://curl.se/docs/http-cookies.html", ""]
    for cookie in cookies:
        lines.append(MORE + dumps({name: getattr(cookie, name) for name in UNSAID}))
        fields = (
            cookie.domain if cookie.host_only else f".{cookie.domain}",
            "FALSE" if cookie.host_only else "TRUE",
            cookie.path,
            "TRUE" if cookie.secure else "FALSE",
            str(cookie.expires or 0),
            cookie.name,
            cookie.value,
        )
        lines.append((HTTP_ONLY if cookie.http_only else "") + "\t".join(fields))
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def _from_netscape(text: str) -> Iterator[tuple[str, Cookie]]:
    more: dict[str, Any] = {}
    for number, line in enumerate(text.split("\n"), 1):
        where = f"line {number}"
        line = line.removesuffix("\r")
        if line.startswith(MORE):
            more = _unsaid(where, line.removeprefix(MORE))
        elif line.strip() and (line.startswith(HTTP_ONLY) or not line.startswith("#")):
            yield where, _typed(where, _from_line(where, line)._replace(**more))
            more = {}


def _unsaid(where: str, text: str) -> dict[str, Any]:
    try:
        said: Any = loads(text)
    except ValueError as error:
        raise _bad(where, str(error)) from error
    if not isinstance(said, dict) or not cast("dict[str, Any]", said).keys() <= {*UNSAID}:
        raise _bad(where, f"not an object of {', '.join(UNSAID)}")
    return cast("dict[str, Any]", said)


def _from_line(where: str, line: str) -> Cookie:
    fields = line.removeprefix(HTTP_ONLY).split("\t", 6)
    if len(fields) < 7 or _SECONDS.fullmatch(fields[4]) is None:
        raise _bad(where, "not seven fields with a tab between them, the fifth of them a time")
    domain, below, path, secure, expires, name, value = fields
    return Cookie(
        name,
        value,
        domain,
        path,
        below.upper() != "TRUE",
        secure.upper() == "TRUE",
        line.startswith(HTTP_ONLY),
        expires=int(expires or 0) or None,
    )


FORMATS: Final = {"json": _json, "netscape": _netscape}


# The file system


def write_file(path: str, data: bytes) -> None:
    """Put contents in the place of a file's, whole or not at all; nobody else may read it.

    Raises:
        OSError: the file cannot be written.
    """
    target = os.path.realpath(path)
    draft = f"{target}.{os.urandom(6).hex()}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(draft, target)
    except BaseException:
        try:
            os.unlink(draft)
        except OSError:
            pass
        raise
