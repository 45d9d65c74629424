"""The log: what happens to requests, as records of the logger `courser`, at DEBUG and no other level.

A record is one line of text. No secret is in it: no user information and no value of a parameter of a URL, nothing of
what credentials, cookies and fields that the user named hold, and nothing of a body. What is long is cut off.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from ..values.redaction import bounded, shown_fields

if TYPE_CHECKING:
    import logging
    from collections.abc import Container, Iterable
    from typing import Final

    from ..values.tracing import TraceEvent

__all__ = ["Log"]

QUIET: Final = frozenset({"bytes", "sending"})
"""Events that a body has many of."""

VALUE_MOST: Final = 200
"""Characters of a header field's value that are shown."""

FIELDS_MOST: Final = 2000
"""Characters of all fields together."""


class Log:
    """Writes events to a logger.

    Args:
        logger: the logger.
        secrets: names of header fields, in lower case, whose values are hidden, beside those that always are.
    """

    __slots__ = ("_logger", "_secrets")

    def __init__(self, logger: logging.Logger, secrets: Container[str]) -> None:
        self._logger = logger
        self._secrets = secrets

    def __call__(self, event: TraceEvent) -> None:
        if event.name in QUIET:
            return
        text = str(event)
        if event.name == "request" and event.request is not None:
            text += self._shown(event.request.headers.multi_items())
        elif event.name == "head" and event.response is not None:
            text += self._shown(event.response.headers.multi_items())
        self._logger.debug("%s", text)

    def _shown(self, fields: Iterable[tuple[str, str]]) -> str:
        text = ""
        for name, value in shown_fields(fields, self._secrets, VALUE_MOST):
            text += f"; {name}: {value}"
            if len(text) > FIELDS_MOST:
                break
        return bounded(text, FIELDS_MOST)
