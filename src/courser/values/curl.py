"""A request as a command line of curl, for whoever has to show it, or to send it once more without Python."""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from .redaction import HIDDEN, shown_fields, without_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from .body import Body
    from .request import Request

__all__ = ["curl_command"]

ARGUMENT_MOST: Final = 32 * 1024
"""Bytes of a body that stand in the command; Linux takes 128 KiB for one argument."""

PRINTED_MOST: Final = 4096
"""The same for bytes that are no text: each takes four characters."""

UNASKED: Final = {"user-agent": "User-Agent", "accept": "Accept"}
"""What curl sends of its own accord, unless it is told of a field of this name that has no value."""

WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods that say that there is no body, if there is none."""

FORM: Final = "application/x-www-form-urlencoded"


def curl_command(request: Request, *, secrets: bool) -> str:
    """The command that sends a request, for a POSIX shell.

    Args:
        request: what to send.
        secrets: whether it has what may be secret in it; else it is for show.
    """
    body = _body_words(request, secrets)
    words = ["curl", *_method_words(request), *_url_words(request, secrets), *_field_words(request, secrets)]
    before, data, after = body
    return before + " ".join([words[0], *map(_quoted, words[1:]), *data]) + after


def _quoted(word: str) -> str:
    from shlex import quote

    return quote(word)


def _method_words(request: Request) -> list[str]:
    if request.method == "HEAD":
        return ["--head"]
    return [] if request.method == "GET" and request.body is None else ["-X", request.method]


def _url_words(request: Request, secrets: bool) -> Iterator[str]:
    url = request.url
    text = str(url.without_userinfo().without_fragment()) if secrets else url.redacted()
    if any(char in text for char in "[]{}"):
        yield "--globoff"
    if "/." in url.path:
        yield "--path-as-is"
    yield text


def _field_words(request: Request, secrets: bool) -> Iterator[str]:
    body, present = request.body, {name.lower() for name in request.headers}
    fields = request.headers.multi_items()
    for name, value in fields if secrets else shown_fields(fields, ()):
        if name.lower() not in ("content-length", "transfer-encoding"):
            yield from ("-H", f"{name}: {value}" if value else f"{name};")
    for key, name in UNASKED.items():
        if key not in present:
            yield from ("-H", f"{name}:")
    if body is not None or request.method in WITH_BODY:
        # To a form curl would declare it, and for a large one wait for a 100 (Continue).
        for name in ("Content-Type", "Expect"):
            if name.lower() not in present:
                yield from ("-H", f"{name}:")
    if body is not None and (body.length is None or "transfer-encoding" in present):
        yield from ("-H", "Transfer-Encoding: chunked")
    if "accept-encoding" in present:
        yield "--compressed"


def _body_words(request: Request, secrets: bool) -> tuple[str, list[str], str]:
    """What stands before the command, the words about the body, already quoted, and what stands behind."""
    body = request.body
    if body is None:
        return "", ["--data-raw", "''"] if request.method in WITH_BODY else [], ""
    if not secrets:
        return "", ["--data-raw", _quoted(_shown(request, body))], ""
    path = getattr(body, "path", None)
    if isinstance(path, str):
        return "", ["--data-binary", _quoted(f"@{path}")], ""
    data = body.data
    if data is not None:
        text = _as_text(data)
        if text is not None:
            return "", ["--data-raw", _quoted(text)], ""
        if len(data) <= PRINTED_MOST:
            return f"printf '{_octal(data)}' | ", ["--data-binary", "@-"], ""
    size = "" if body.length is None else f", {body.length} bytes,"
    return "", ["--data-binary", "@-"], f"  # the body{size} is read from standard input"


def _shown(request: Request, body: Body) -> str:
    """What is shown of a body: of a form its names, of another nothing."""
    kind = request.headers.get("content-type", "")
    if body.data is None or len(body.data) > PRINTED_MOST or kind.partition(";")[0].strip().lower() != FORM:
        return HIDDEN
    return without_values(body.data.decode("ascii", "replace"))


def _as_text(data: bytes) -> str | None:
    """Bytes as an argument; None where they are too many, or would not come out of a terminal as they went in."""
    if len(data) > ARGUMENT_MOST:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char in "\n\t" for char in text) else None


def _octal(data: bytes) -> str:
    """Bytes for the format of printf."""
    return "".join([chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03o}" for byte in data])
