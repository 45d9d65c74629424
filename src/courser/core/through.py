"""The layers that lead through proxies: TLS to a proxy itself, and asking it for a way to the next hop.

Nobody at the far end speaks before we do. Bytes that come before that are the proxy's own, or of somebody in its place,
and are taken for nobody else's (CVE-2023-40217). The exception is HTTP/2 without TLS, whose server may greet at once
(RFC 9113 section 3.4).
"""

from __future__ import annotations

from time import monotonic

from ..engines.links.socks import Socks4, Socks5
from ..engines.links.tunnel import Tunnel
from ..errors import ProxyError, TLSError
from ..hints import TYPE_CHECKING
from ..values.reference import bracketed
from .dial import Challenged, Unreached
from .handshake import Encryption, settle
from .link import RECEIVE_FIRST
from .nested import Passage

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, Final, Literal

    from ..engines.links.opening import Opening
    from .dial import Dial, Layer
    from .handshake import Contexts
    from .link import Link
    from .race import Address
    from .route import ProxyHop, Route

__all__ = ["Talk", "Through", "layers_of"]

HTTP1: Final = ("http/1.1",)
"""What is spoken with proxies."""

HTTP2: Final = ("h2",)
"""What is spoken with a server of which that is known."""

LOCAL: Final = ("socks4", "socks5")
"""Schemes of proxies that are told addresses: names are resolved here."""

LEAST_SHARE: Final = 2.0
"""Seconds that each of several addresses may take at least, if there is so much time."""

REFUSALS_TOLD: Final = 7
"""Addresses whose refusals are told, besides the last one's."""


def layers_of(route: Route, contexts: Contexts, session: Any) -> list[Layer]:
    """What lies between the first proxy and the server, or the last proxy if that is given whole requests.

    Args:
        route: a route with proxies.
        contexts: gives TLS contexts.
        session: a session to resume of the outermost TLS.
    """
    layers: list[Layer] = []
    hops = route.proxies
    nexts = [*((hop.host, hop.port) for hop in hops[1:]), (route.host, route.port)]
    for number, (hop, (host, port)) in enumerate(zip(hops, nexts, strict=True), 1):
        forwards = number == len(hops) and route.forwarder is not None
        if hop.tls is not None:
            layers.append(ProxyEncryption(contexts, hop.tls, hop.host, HTTP1, session if forwards else None))
        if not forwards:
            greets = number == len(hops) and route.tls is None and route.protocols == HTTP2
            layers.append(Through(hop, host, port, greets=greets))
    if route.tls is not None:
        layers.append(Encryption(contexts, route.tls, route.host, route.protocols, session))
    return layers


class ProxyEncryption(Encryption):
    """TLS to a proxy, by the proxy's own policy."""

    __slots__ = ()

    phase: ClassVar[Literal["proxy", "tls"]] = "proxy"

    async def over(self, link: Link, dial: Dial) -> Link:
        try:
            return await super().over(link, dial)
        except TLSError as error:
            error.detail = f"the proxy {error.detail}"
            if error.hint:
                error.hint += "; for a proxy these are options of Proxy(url, verify=..., cert=..., server_hostname=...)"
            raise


class Talk:
    """An engine that talks to a proxy over a link; what a `Handshake` turns.

    Args:
        link: the link to the proxy.
        opening: the engine.
    """

    __slots__ = ("_link", "_opening", "_unsent")

    def __init__(self, link: Link, opening: Opening) -> None:
        self._link = link
        self._opening = opening
        self._unsent = b""

    @property
    def wants_write(self) -> bool:
        return bool(self._unsent) or self._link.wants_write

    def shake(self) -> None:
        """Go on with the talk; BlockingIOError says that it is not done."""
        opening = self._opening
        while True:
            self._flush()
            if opening.done:
                return
            opening.receive(self._link.receive(RECEIVE_FIRST))

    def _flush(self) -> None:
        link = self._link
        if link.wants_write:
            link.flush()
        self._unsent += self._opening.outgoing()
        while self._unsent:
            self._unsent = self._unsent[link.send(self._unsent) :]

    def fileno(self) -> int:
        return self._link.fileno()

    def listen(self, wake: Callable[[], None] | None) -> None:
        self._link.listen(wake)


class Through:
    """Asks a proxy to lead on.

    It lasts as long as the dial, over several connections to the proxy: one for each address that the proxy is told.

    Args:
        hop: the proxy.
        host, port: whom it shall connect to.
        greets: whether that one may speak first.
    """

    __slots__ = ("_greets", "_hop", "_host", "_left", "_port", "_refused", "label")

    phase: ClassVar[Literal["proxy", "tls"]] = "proxy"

    def __init__(self, hop: ProxyHop, host: str, port: int, *, greets: bool = False) -> None:
        self.label = hop.url
        self._greets = greets
        self._hop = hop
        self._host = host.partition("%")[0]  # a zone has a meaning on this machine only
        self._port = port
        self._left: list[str] = []
        self._refused: list[str] = []

    async def over(self, link: Link, dial: Dial) -> Link:
        """Have the proxy connect to the next hop.

        Raises:
            ProxyError: it refuses, or does not do as its protocol says.
            RequestTimeout: the dial's time ran out.
        """
        hop = self._hop
        opening = await self._opening(dial)
        talk = Talk(link, opening)
        handshake = await settle(talk, dial, self._due(dial.final))
        if not handshake.agreed and handshake.error is None:
            if len(self._left) > 1 and opening.reaching:
                raise self._next("no answer came in its share of the time")
            handshake = await settle(talk, dial)  # another address would be no quicker
        if handshake.error is not None:
            raise self._failure(handshake.take_error(), opening, dial)
        if not handshake.agreed:
            refusal = opening.late()
            if refusal is not None:
                raise self._failure(refusal, opening, dial)
            raise dial.late(f" ({hop.url} has not answered)")
        if opening.leftover and not self._greets:
            early = ProxyError(detail=f"{len(opening.leftover)} bytes came before anything was asked")
            raise self._failure(early, opening, dial)
        if isinstance(opening, Tunnel):
            dial.answer = opening.head
        return Passage(link, opening.leftover) if link.encrypted or opening.leftover else link

    def _due(self, final: float) -> float:
        """Until when an address may take: its share of the time that is left for all of them, as in Go's net.Dialer."""
        if len(self._left) < 2:
            return final
        now = monotonic()
        return now + max((final - now) / len(self._left), LEAST_SHARE)

    def _next(self, why: str) -> Unreached:
        """Go on to the next address."""
        self._refused.append(f"{self._left.pop(0)}: {why}")
        return Unreached()

    def _failure(self, error: BaseException, opening: Opening, dial: Dial) -> BaseException:
        """What went wrong, and where."""
        if not isinstance(error, OSError):
            return error
        if isinstance(error, ProxyError):
            failure = error
        else:
            why = error.strerror or str(error) or type(error).__name__
            failure = ProxyError(detail=f"the connection broke: {why}")
            failure.__cause__ = error
        if len(self._left) > 1 and opening.reaching:
            return self._next(failure.detail)
        told = failure.detail
        if self._refused:
            told = "; ".join([*self._refused[:REFUSALS_TOLD], f"{self._left[0]}: {told}"])
        failure.detail = f"{self._hop.url}, asked for {bracketed(self._host)}:{self._port}: {told}"
        failure.phase = "proxy"
        failure.retryable = True
        answer = failure.response
        if answer is not None and answer.status_code == 407 and self._hop.tells_who:
            failure.hint = "it did not accept the user and the password that it was told"
        if answer is not None and dial.digests.challenged(self._hop, answer.status_code, answer.headers):
            return Challenged(failure)
        return failure

    async def _opening(self, dial: Dial) -> Opening:
        scheme, host, port = self._hop.scheme, self._host, self._port
        if not scheme.startswith("socks"):
            authority = f"{bracketed(host)}:{port}".encode("ascii")
            return Tunnel(authority, self._hop.headers + dial.digests.line(self._hop, "CONNECT", authority))
        target: str | bytes = host
        if scheme in LOCAL:
            self._left = self._left or _suitable(await dial.addresses(host, port), scheme, host)
            target = _bytes_of(self._left[0])
        elif ":" in host or host.rpartition(".")[2].isdigit():
            target = _bytes_of(host)
        if scheme.startswith("socks4"):
            return Socks4(target, port, (self._hop.credentials or (b"",))[0])
        return Socks5(target, port, self._hop.credentials)


def _bytes_of(address: str) -> bytes:
    from ipaddress import ip_address

    return ip_address(address).packed


def _suitable(addresses: list[Address], scheme: str, host: str) -> list[str]:
    """The addresses that a proxy can be told, of those that a name has, in the order in which they are to be tried.

    Raises:
        ProxyError: SOCKS 4 knows IPv4 only, and there is none.
    """
    known = [where[0].partition("%")[0] for _, where in addresses]
    if scheme == "socks4":
        known = [address for address in known if ":" not in address]
    if known:
        return known
    raise ProxyError(
        phase="proxy",
        detail=f"{scheme}: {host} has no IPv4 address, and this protocol knows no other",
        hint="use socks5:// or socks5h://, if the proxy speaks it",
    )
