"""A record of requests in the format HAR 1.2, which browsers and their tools read.

It is made of events: a recorder is a trace function. The format counts times in milliseconds, and its phases make up
the whole: waiting for a connection is `blocked`, and encryption is a part of `connect`.
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from datetime import UTC, datetime
from time import monotonic, time

from ..hints import TYPE_CHECKING
from ..values.redaction import HIDDEN, shown_fields, without_values
from ..version import __version__

if TYPE_CHECKING:
    import os
    from collections.abc import Container
    from types import TracebackType
    from typing import Any, Final, Self, TypeAlias

    from ..policies.flow import Answer
    from ..values.request import Request
    from ..values.tracing import TraceEvent

__all__ = ["HARRecorder"]

Entry: TypeAlias = "dict[str, Any]"

UNKNOWN: Final = -1
"""What the format has for times and sizes that do not apply, or that nobody knows."""

EXPANSION: Final = 64
"""How many times larger than it travelled a recorded body may be."""


class Kept:
    """A body filter that keeps a copy of what passes, up to a size.

    Args:
        most: bytes at most; of a larger body nothing is kept.
    """

    __slots__ = ("_most", "pieces", "size")

    def __init__(self, most: int) -> None:
        self._most = most
        self.pieces: list[bytes] = []
        self.size = 0

    def feed(self, data: bytes) -> bytes:
        self.size += len(data)
        if self.size <= self._most:
            self.pieces.append(data)
        else:
            self.pieces.clear()
        return data

    def end(self) -> None:
        """It is all here."""

    def abort(self) -> None:
        """What has come has come."""


class Hop:
    """One request and its response, as far as they have got.

    Args:
        request: the request.
        at: when it began, on the monotonic clock.
        secrets: names of header fields whose values are not to be shown.
    """

    def __init__(self, request: Request, at: float, secrets: Container[str]) -> None:
        self.request = request
        self.secrets = secrets
        self.at = at
        self.wall = time() - (monotonic() - at)
        self.spent: dict[str, float] = {}
        self.ready = self.sent = self.head = self.end = 0.0
        self.connection: int | None = None
        self.address = ""
        self.answer: dict[str, Any] = {}
        self.size = 0
        self.body: Kept | None = None
        self.error = ""

    def take(self, event: TraceEvent) -> None:
        """Note what has happened."""
        name = event.name
        if event.connection is not None:
            self.connection = event.connection
        if name in ("dns", "connect", "proxy", "tls"):
            self.spent[name] = self.spent.get(name, 0.0) + (event.seconds or 0.0)
            if name == "connect":
                self.address = event.detail
        elif name in ("created", "reused"):
            self.ready = event.at
        elif name in ("sent", "head", "end"):
            setattr(self, name, event.at)
        elif name == "bytes":
            self.size += event.size or 0
        elif name == "error":
            self.end = event.at
            self.error = type(event.error).__name__

    def timings(self) -> dict[str, float]:
        """The phases, in milliseconds."""
        spent = self.spent
        ready = self.ready or self.at
        sent = max(self.sent, ready)
        head = max(self.head, sent)
        connecting = [spent[name] for name in ("connect", "proxy", "tls") if name in spent]
        before = spent.get("dns", 0.0) + sum(connecting)
        return {
            "blocked": _ms(max(ready - self.at - before, 0.0)),
            "dns": _ms(spent["dns"]) if "dns" in spent else UNKNOWN,
            "connect": _ms(sum(connecting)) if connecting else UNKNOWN,
            "ssl": _ms(spent["tls"]) if "tls" in spent else UNKNOWN,
            "send": _ms(sent - ready),
            "wait": _ms(head - sent),
            "receive": _ms(max(self.end - head, 0.0)),
        }


class HARRecorder:
    """Records what a client sends and receives, as HAR 1.2: `Client(trace=HARRecorder("file.har"))`.

    As a context manager it writes its file at the end. What may be a secret is not recorded unless that is asked for:
    header fields of credentials and cookies, those that the client calls sensitive, values of parameters, bodies.

    Args:
        path: where `save` writes; a file that others may not read.
        secrets: record the values of header fields and of parameters that may be secrets.
        bodies: record bodies, as they are; they may hold secrets of every kind.
        max_body: bytes of a body above which it is left out.
        max_entries: requests that are kept; beyond, the oldest are forgotten.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        secrets: bool = False,
        bodies: bool = False,
        max_body: int = 1024 * 1024,
        max_entries: int = 10_000,
    ) -> None:
        self._path = path
        self._secrets = secrets
        self._bodies = bodies
        self._max_body = max_body
        self._max_entries = max_entries
        self._hops: deque[Hop] = deque()
        self._under_way: dict[int, Hop] = {}
        self._addresses: dict[int, str] = {}

    def __call__(self, event: TraceEvent) -> None:
        if event.name == "closed":
            self._addresses.pop(event.connection or 0, None)
            return
        request = event.request
        if request is None:
            return
        if event.name == "request":
            self._begin(Hop(request, event.at, event.secrets))
            return
        hop = self._under_way.get(id(request))
        if hop is None:
            return
        hop.take(event)
        if event.connection is not None:
            if hop.address:
                self._addresses[event.connection] = hop.address
            hop.address = self._addresses.get(event.connection, "")
        if event.name == "head" and event.response is not None:
            self._note_answer(hop, event.response)
        elif event.name in ("end", "error"):
            self._under_way.pop(id(request), None)

    def _begin(self, hop: Hop) -> None:
        self._hops.append(hop)
        self._under_way[id(hop.request)] = hop
        if len(self._hops) > self._max_entries:
            oldest = self._hops.popleft()
            if self._under_way.get(id(oldest.request)) is oldest:
                del self._under_way[id(oldest.request)]

    def _note_answer(self, hop: Hop, answer: Answer) -> None:
        # Not the answer itself: who keeps that keeps its connection.
        hop.answer = {
            "status": answer.status_code,
            "statusText": answer.reason_phrase,
            "httpVersion": answer.http_version,
            "fields": answer.headers.multi_items(),
            "type": answer.headers.get("content-type", ""),
            "coding": answer.headers.get("content-encoding"),
            "location": next(iter(answer.headers.get_list("location")), ""),
        }
        if self._bodies:
            hop.body = Kept(self._max_body)
            answer.attach(hop.body)

    # What has come of it

    @property
    def entries(self) -> list[Entry]:
        """The requests that have come to an end or got as far as a response, in the order in which they began."""
        return [self._entry(hop) for hop in list(self._hops) if hop.answer or hop.error]

    def as_dict(self) -> dict[str, Any]:
        """The whole record."""
        creator = {"name": "courser", "version": __version__}
        return {"log": {"version": "1.2", "creator": creator, "entries": self.entries}}

    def save(self, path: str | os.PathLike[str] | None = None) -> None:
        """Write the record as JSON, readable by its owner only.

        Args:
            path: where to; where the recorder was told to, if nothing is said.

        Raises:
            TypeError: neither was told.
        """
        import json
        import os

        target = path or self._path
        if target is None:
            raise TypeError("no path: give save(path) or HARRecorder(path)")
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(self.as_dict(), file, ensure_ascii=False, indent=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            self.save()

    def __repr__(self) -> str:
        return f"<HARRecorder {len(self._hops)} requests>"

    # One entry

    def _entry(self, hop: Hop) -> Entry:
        timings = hop.timings()
        entry: Entry = {
            "startedDateTime": _iso(hop.wall),
            "time": sum(value for name, value in timings.items() if value >= 0 and name != "ssl"),
            "request": self._request(hop),
            "response": self._response(hop),
            "cache": {},
            "timings": timings,
        }
        if hop.connection is not None:
            entry["connection"] = str(hop.connection)
        address = hop.address.rpartition(":")[0].strip("[]")
        if address:  # the path of a socket is none
            entry["serverIPAddress"] = address
        if hop.error:
            entry["comment"] = hop.error
        return entry

    def _request(self, hop: Hop) -> dict[str, Any]:
        request = hop.request
        body = request.body
        url = request.url.without_fragment()
        made: dict[str, Any] = {
            "method": request.method,
            "url": str(url) if self._secrets else url.redacted(),
            "httpVersion": hop.answer.get("httpVersion", "HTTP/1.1"),
            "cookies": self._cookies(request.headers.get_list("cookie"), "; "),
            "headers": self._fields(request.headers.multi_items(), hop.secrets),
            "queryString": self._query(request),
            "headersSize": UNKNOWN,
            "bodySize": 0 if body is None else UNKNOWN if body.length is None else body.length,
        }
        if self._bodies and body is not None and body.data is not None and len(body.data) <= self._max_body:
            mime = request.headers.get("content-type", "")
            made["postData"] = {"mimeType": mime, "text": body.data.decode("utf-8", "replace")}
        return made

    def _response(self, hop: Hop) -> dict[str, Any]:
        answer = hop.answer
        fields = answer.get("fields", [])
        location = answer.get("location", "")
        content: dict[str, Any] = {"size": hop.size, "mimeType": answer.get("type", "")}
        if hop.body is not None and hop.body.pieces:
            content.update(_content(b"".join(hop.body.pieces), answer["coding"], EXPANSION * self._max_body))
        return {
            "status": answer.get("status", 0),
            "statusText": answer.get("statusText", ""),
            "httpVersion": answer.get("httpVersion", "unknown"),
            "cookies": self._cookies([value for name, value in fields if name.lower() == "set-cookie"], None),
            "headers": self._fields(fields, hop.secrets),
            "content": content,
            "redirectURL": location if self._secrets else without_values(location),
            "headersSize": UNKNOWN,
            "bodySize": hop.size if answer else UNKNOWN,
        }

    def _fields(self, fields: list[tuple[str, str]], secrets: Container[str]) -> list[dict[str, str]]:
        shown = fields if self._secrets else shown_fields(fields, secrets)
        return [{"name": name, "value": value} for name, value in shown]

    def _query(self, request: Request) -> list[dict[str, str]]:
        from ..values.query import QueryParams

        pairs = QueryParams(request.url.query).multi_items()
        return [{"name": name, "value": value if self._secrets else HIDDEN} for name, value in pairs]

    def _cookies(self, values: list[str], separator: str | None) -> list[dict[str, str]]:
        """The cookies of a field that lists them, or the one that each Set-Cookie field begins with."""
        found: list[dict[str, str]] = []
        for value in values:
            for pair in value.split(separator) if separator else [value.partition(";")[0]]:
                name, _, content = pair.partition("=")
                found.append({"name": name.strip(), "value": content if self._secrets else HIDDEN})
        return found


def _content(raw: bytes, coding: str | None, most: int) -> dict[str, Any]:
    """A body for the record: decoded if it can be, as text if it is text."""
    from ..engines.coding import decode_all
    from ..errors import HTTPError

    body = raw
    if coding is not None:
        try:
            body = decode_all(coding.encode("latin-1", "replace"), raw, most)
        except HTTPError:
            coding = None
    facts: dict[str, Any] = {"size": len(body), "compression": len(body) - len(raw)} if coding is not None else {}
    try:
        return {**facts, "text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {**facts, "text": b64encode(body).decode("ascii"), "encoding": "base64"}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
