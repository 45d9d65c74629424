"""Digest access authentication (RFC 7616) as a flow.

The first request to an origin goes without credentials, is challenged, and goes once more. From then on requests carry
their answer at once, counted for each nonce, until the server wants another nonce.

What was learnt from one origin is told to that origin only (CVE-2026-54276, CVE-2026-11856): the `domain` of a
challenge can narrow down where requests carry their answer at once, but it can name no other origin.
"""

from __future__ import annotations

from collections.abc import Generator

from ...errors import HTTPError, InvalidRequest
from ...hints import TYPE_CHECKING, NamedTuple, cast
from ..flow import Call
from .basic import encoded
from .challenges import challenges_in, parameters_in
from .digest import DigestChallenge, DigestSession, strongest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from ...values.body import Body
    from ...values.request import Request
    from ...values.url import URL
    from ..flow import Answer, Flow, Step

__all__ = ["DigestAuth"]

ROUNDS: Final = 3
"""Challenges that are answered in one call: a second and a third one only if nothing but the nonce was wrong."""

ORIGINS_KEPT: Final = 100
DOMAINS_READ: Final = 100


class Known(NamedTuple):
    """What is known of an origin.

    Attributes:
        session: answers its last challenge.
        paths: what the paths begin with that ask for the same.
    """

    session: DigestSession
    paths: tuple[str, ...]


class DigestAuth:
    """Proves that it knows a password, without telling it. It may be shared by clients, threads and event loops.

    All hashes of RFC 7616 are known, the strongest that the server offers is taken. Of `qop`, `auth` is preferred;
    where a server wants `auth-int`, a hash of the body too, the body has to be in memory or a file.

    Args:
        username: text, sent as UTF-8, or bytes.
        password: likewise.

    Raises:
        InvalidRequest: control characters.
        TypeError: neither text nor bytes.
    """

    __slots__ = ("_known", "_password", "_username")

    def __init__(self, username: str | bytes, password: str | bytes) -> None:
        self._username = encoded(username, "user name")
        self._password = encoded(password, "password")
        self._known: dict[tuple[str, str, int], Known] = {}

    def __repr__(self) -> str:
        return "DigestAuth(***)"

    def __reduce__(self) -> tuple[Any, ...]:
        return DigestAuth, (self._username, self._password)

    @property
    def credentials(self) -> tuple[bytes, bytes]:
        """User name and password, for those who answer the challenges of a proxy."""
        return self._username, self._password

    def flow(self, request: Request) -> Flow:
        """Send a request with its answer, and once more where the server asks for another one.

        Raises:
            BodyNotReplayable: the server asks, and the body cannot be sent again.
            InvalidRequest: the server asks for a hash of the body, and the body is a stream.
        """
        url = request.url
        known = self._known.get(url.origin)
        if known is not None and url.path.startswith(known.paths):
            yield from _sign(request, known.session)
        answer: Answer = yield request
        for number in range(ROUNDS):
            challenge = _asked(answer)
            if challenge is None or (number and not challenge.stale):
                break
            _check_replay(request)
            known = Known(DigestSession(challenge, self._username, self._password), _paths(challenge.domain, url))
            yield from _sign(request, known.session)
            answer = yield request
        if known is not None:
            self._learn(url, known, answer)
        return answer

    def _learn(self, url: URL, known: Known, answer: Answer) -> None:
        """Keep what the server was content with."""
        if answer.status_code == 401:
            self._known.pop(url.origin, None)
            return
        nonce = parameters_in(answer.headers, "authentication-info").get("nextnonce")
        if nonce and nonce != known.session.challenge.nonce:
            known = known._replace(session=known.session.renewed(nonce))
        self._known[url.origin] = known
        for origin in list(self._known)[:-ORIGINS_KEPT]:
            self._known.pop(origin, None)


def _asked(answer: Answer) -> DigestChallenge | None:
    return strongest(challenges_in(answer.headers)) if answer.status_code == 401 else None


def _paths(domain: str, url: URL) -> tuple[str, ...]:
    """Where a challenge holds in its own origin, by what paths begin with."""
    if not domain.strip():
        return ("/",)
    paths: list[str] = []
    for reference in domain.split()[:DOMAINS_READ]:
        try:
            target = url.join(reference)
        except HTTPError:
            continue
        if target.origin == url.origin:
            paths.append(target.path)
    return tuple(paths)


def _check_replay(request: Request) -> None:
    body = request.body
    if body is not None and body.spent:
        raise body.refusal(
            "the server asks for Digest authentication",
            hint="send a GET first: the server's next challenge is then known; or the header Expect: 100-continue",
            request=request,
        )


def _sign(request: Request, session: DigestSession) -> Generator[Step, Any, None]:
    body_hash = b""
    if session.challenge.qop == "auth-int":
        body_hash = yield from _body_hash(request, session)
    nc = session.next_count()
    request.headers["Authorization"] = session.answer(request.method, request.url.target, nc, body_hash)


def _body_hash(request: Request, session: DigestSession) -> Generator[Step, Any, bytes]:
    body = request.body
    if body is None:
        return session.hash_body(())
    if body.data is not None:
        return session.hash_body((body.data,))
    if body.is_async or not body.replayable:
        raise InvalidRequest(
            detail="the server asks for qop=auth-int, a hash of the body, and the body is a stream",
            hint="give bytes or a file",
            request=request,
        )
    if not body.movable:
        return _read_through(session, body)  # what a caller's code gives is asked for where it is sent
    body_hash: bytes = yield Call(_read_through, session, body)
    return body_hash


def _read_through(session: DigestSession, body: Body) -> bytes:
    return session.hash_body(cast("Iterator[bytes]", body.open()))
