"""How the challenges (Digest) of HTTP proxies are answered.

What was learnt from one proxy is told to that proxy only (curl, CVE-2026-7168, CVE-2026-8927): it is kept by hop, which
is the proxy together with who asks.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from ..policies.auth.challenges import challenges_in
from ..policies.auth.digest import DigestSession, strongest

if TYPE_CHECKING:
    from typing import Final

    from ..values.body import Body
    from ..values.headers import Headers
    from .route import ProxyHop

__all__ = ["Digests"]

KEPT: Final = 256
"""Proxies whose challenges are remembered."""


class Digests:
    """The proxies that have asked who we are. It may be shared by any number of threads."""

    __slots__ = ("_sessions",)

    def __init__(self) -> None:
        self._sessions: dict[ProxyHop, DigestSession] = {}

    def line(self, hop: ProxyHop, method: str, target: bytes, body: Body | None = None) -> bytes:
        """The header line that answers a proxy's last challenge; b"" where there is none that could be answered.

        Args:
            hop: the proxy.
            method: of the request.
            target: of the request, as in its request line.
            body: what it carries.
        """
        session = self._sessions.get(hop)
        if session is None:
            return b""
        content = b"" if body is None else body.data
        if session.challenge.qop != "auth-int":
            hashed = b""
        elif content is not None:
            hashed = session.hash_body((content,))
        else:
            return b""
        return b"Proxy-Authorization: " + session.answer(method, target, session.next_count(), hashed) + b"\r\n"

    def challenged(self, hop: ProxyHop, status: int, headers: Headers) -> bool:
        """Take the challenge of an answer; gives whether it can be met.

        Args:
            hop: the proxy.
            status: of its answer.
            headers: of its answer.
        """
        if status != 407 or hop.credentials is None or not hop.is_http:
            return False
        challenge = strongest(challenges_in(headers, "proxy-authenticate"))
        if challenge is None:
            return False
        self._sessions[hop] = DigestSession(challenge, *hop.credentials)
        for each in list(self._sessions)[:-KEPT]:
            self._sessions.pop(each, None)
        return True
