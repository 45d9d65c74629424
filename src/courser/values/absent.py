"""What responses of other libraries have, and how it is come by here."""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

__all__ = ["explain"]

HERE: Final = "the body is here: content, text, json()"
STREAM: Final = "with client.stream(method, url) as response: reads a body piece by piece"
CLOSED: Final = "there is nothing to close: its body is here, and its connection is free"

INSTEAD: Final = {
    "aclose": CLOSED,
    "aiter_bytes": STREAM,
    "aiter_lines": STREAM,
    "aiter_raw": STREAM,
    "aiter_text": STREAM,
    "apparent_encoding": "nothing guesses an encoding; default_encoding= of a client may be a function that does",
    "aread": HERE,
    "charset_encoding": "charset has it",
    "close": CLOSED,
    "is_closed": CLOSED,
    "is_permanent_redirect": "status_code in (301, 308)",
    "iter_bytes": STREAM,
    "iter_content": STREAM,
    "iter_events": f"{STREAM}; client.sse(url) reads an event stream",
    "iter_json_lines": STREAM,
    "iter_lines": f"text.splitlines(), or {STREAM}",
    "iter_raw": STREAM,
    "iter_text": STREAM,
    "method": "request.method has it",
    "next": "next_request has it",
    "num_bytes_downloaded": f"len(content), or {STREAM}",
    "raw": STREAM,
    "read": HERE,
    "reason": "reason_phrase has it",
    "release": CLOSED,
    "status": "status_code has it",
    "version": "http_version has it",
}
"""Attributes of responses in Requests, HTTPX and aiohttp."""


def explain(name: str) -> str:
    """What an error says of an attribute that a whole response does not have."""
    told = INSTEAD.get(name)
    return f"a Response has no {name}" + (f": {told}" if told else "")
