"""Handshakes, and TLS as a layer that a dial lays over a link."""

from __future__ import annotations

from ..errors import InvalidRequest, InvalidURL, TLSError
from ..hints import TYPE_CHECKING, Protocol
from ..values.host import parse_host
from .link import Link, TLSLink
from .nested import NestedTLSLink, Passage
from .reactor import READ, WRITE, Reactor
from .route import TLSPolicy
from .waiter import FOREVER, Interrupted, Waiter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any, ClassVar, Final, Literal

    from ..errors import CertificateError
    from .dial import Dial

__all__ = ["HINTS", "Contexts", "Encryption", "Handshake", "Shaking", "peer_name", "settle"]


HINTS: Final = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS at this port; is it an http:// URL?",
    "UNEXPECTED_EOF_WHILE_READING": "the server has ended the connection; does it speak TLS at this port?",
    "UNSUPPORTED_PROTOCOL": "the server speaks older versions of TLS only; an ssl.SSLContext as verify may allow them",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server does not speak the versions of TLS that are allowed here",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server found nothing in common; it may want other ciphers, a client "
    "certificate (cert=...) or another name (server_hostname=...)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate: cert=(certificate file, key file)",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not know who has issued the client certificate",
}
"""What OpenSSL's reasons mean, and what can be done."""


class Contexts(Protocol):
    """Gives TLS contexts, and knows what their policies mean."""

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        """The context for a policy, if it was built before."""
        ...

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        """The context for a policy; reads files."""
        ...

    def check(self, policy: TLSPolicy, name: str, certificate: bytes | None, /) -> None:
        """Compare the key of a peer with the fingerprints of a policy.

        Raises:
            CertificateError: it is another one.
        """
        ...

    def refusal(
        self, policy: TLSPolicy, name: str, error: ssl.SSLCertVerificationError, certificate: bytes | None, /
    ) -> CertificateError:
        """What to raise for a certificate that OpenSSL has refused."""
        ...


class Shaking(Protocol):
    """What shakes hands over a link: TLS itself, or whoever talks to a proxy."""

    @property
    def wants_write(self) -> bool: ...

    def shake(self) -> None:
        """Go on; BlockingIOError says that it is not done."""
        ...

    def fileno(self) -> int: ...
    def listen(self, wake: Callable[[], None] | None, /) -> None: ...


class Handshake(Waiter):
    """A handshake under way.

    Args:
        reactor: turns the link.
        link: what shakes hands.
        final: when it has to be done.

    Attributes:
        agreed: whether it is.
    """

    __slots__ = ("_interest", "_link", "_reactor", "agreed")

    def __init__(self, reactor: Reactor, link: Shaking, final: float) -> None:
        super().__init__(reactor)
        self._reactor = reactor
        self._link = link
        self._interest = 0
        self.agreed = False
        self.deadline = final

    def fileno(self) -> int:
        return self._link.fileno()

    def start(self) -> None:
        """Say hello."""
        self.ready(0, 0.0)
        if not self.done and self.deadline < FOREVER:
            self._reactor.arm(self, self.deadline)

    def ready(self, mask: int, now: float) -> None:
        """Go as far as possible."""
        try:
            self._link.shake()
        except BlockingIOError:
            self._want(READ | WRITE if self._link.wants_write else READ)
        except (OSError, ValueError) as error:
            self.cancel()
            self.fail(error)
        else:
            self.agreed = True
            self.cancel()
            self.complete()

    def _want(self, interest: int) -> None:
        before, self._interest = self._interest, interest
        if self.fileno() < 0:
            if before == 0:
                self._reactor.hear(self, self._link)
        elif before == 0:
            self._reactor.register(self, interest)
        elif before != interest:
            self._reactor.modify(self, interest)

    def cancel(self) -> None:
        """Leave the reactor."""
        self.deadline = FOREVER
        if self._interest:
            self._interest = 0
            if self.fileno() < 0:
                self._link.listen(None)
            else:
                self._reactor.unregister(self)


async def settle(link: Shaking, dial: Dial, due: float = FOREVER) -> Handshake:
    """Shake hands until both ends agree, one of them refuses, or the time is up; gives what came of it.

    Args:
        link: what shakes hands.
        dial: who waits, and until when at the most.
        due: when to give up, if that is before.
    """
    handshake = Handshake(dial.reactor, link, min(due, dial.final))
    try:
        handshake.start()
        if not handshake.done:
            await dial.host.wait(handshake)
    finally:
        handshake.cancel()
    return handshake


class Encryption:
    """A layer of TLS.

    Args:
        contexts: gives the context.
        policy: how the peer is verified.
        host: the peer's host as it stands in the URL.
        protocols: the application protocols on offer, by preference.
        session: a TLS session to resume.

    Raises:
        InvalidRequest, InvalidURL, TypeError: no certificate could be for what the peer is called; see `peer_name`.
    """

    __slots__ = ("_contexts", "_policy", "_protocols", "_session", "label")

    phase: ClassVar[Literal["proxy", "tls"]] = "tls"

    def __init__(
        self, contexts: Contexts, policy: TLSPolicy, host: str, protocols: tuple[str, ...], session: Any = None
    ) -> None:
        self._contexts = contexts
        self._policy = policy
        self.label = peer_name(host, policy)
        self._protocols = protocols
        self._session = session

    async def over(self, link: Link, dial: Dial) -> Link:
        """Encrypt what travels over a link, unless it is encrypted up to its far end already.

        Raises:
            TLSError: or CertificateError: both ends did not agree.
            RequestTimeout: the dial's time ran out.
        """
        if link.encrypted:
            self._check(link)
            return link
        secure = self._wrap(link, await self._context(dial))
        handshake = await settle(secure, dial)
        if handshake.error is not None:
            raise self._refusal(handshake.take_error(), secure)
        if not handshake.agreed:
            raise dial.late(" (TLS handshake)")
        self._check(secure)
        return secure

    def _check(self, link: Link) -> None:
        """See that the peer has a key that it is known by; nothing was sent to it so far."""
        if self._policy.fingerprints:
            self._contexts.check(self._policy, self.label, link.info().get("certificate"))

    async def _context(self, dial: Dial) -> ssl.SSLContext:
        known = self._contexts.get(self._policy, self._protocols)
        if known is not None:
            return known
        try:
            return await dial.host.call(self._contexts.build, self._policy, self._protocols, deadline=dial.final)
        except Interrupted:
            raise dial.late(" (reading root certificates)") from None

    def _wrap(self, link: Link, context: ssl.SSLContext) -> TLSLink:
        kind = NestedTLSLink if isinstance(link, Passage) else TLSLink
        if self._session is not None and _resumes(context):
            try:
                return kind(link, context, self.label, self._session)
            except ValueError:
                pass  # it was agreed on under another context, before the environment named other roots
        try:
            return kind(link, context, self.label)
        except (OSError, ValueError) as error:
            raise TLSError(phase="tls", detail=f"{self.label}: {error}") from error

    def _refusal(self, error: BaseException, link: TLSLink) -> BaseException:
        import ssl

        if isinstance(error, ssl.SSLCertVerificationError):
            failure: TLSError = self._contexts.refusal(self._policy, self.label, error, link.refused())
        elif isinstance(error, OSError):
            reason = getattr(error, "reason", None) or error.strerror or str(error) or type(error).__name__
            failure = TLSError(phase="tls", detail=f"{self.label}: {reason}", hint=HINTS.get(reason, ""))
        else:
            return error
        failure.__cause__ = error
        return failure


def _resumes(context: ssl.SSLContext) -> bool:
    """Whether sessions may be resumed: a peer does not show its certificates again then.

    OpenSSL has kept what it found the first time. Who judges in its place, as truststore does, would find nothing.
    """
    return type(context).__module__ == "ssl"


def peer_name(host: str, policy: TLSPolicy) -> str:
    """What a peer is asked to be, and its certificate has to be for.

    Args:
        host: the peer's host as it stands in the URL.
        policy: may say another name.

    Raises:
        InvalidRequest: that other name is none.
        InvalidURL: the host is a name that no certificate can be for.
        TypeError: the policy's name is no str.
    """
    if policy.server_hostname:
        return _other_name(policy.server_hostname)
    # The zone of an address and the dot of the root are no part of what a certificate names.
    name = host.partition("%")[0].rstrip(".")
    if not all(name.split(".")):
        raise InvalidURL(detail=f"the host {host!r} has an empty label, so no certificate can be for it")
    return name


def _other_name(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError(f"server_hostname is a host name, not {given!r}")
    try:
        name = parse_host(f"[{given.strip('[]').partition('%')[0]}]" if ":" in given else given).rstrip(".")
    except InvalidURL as error:
        raise _not_a_name(error.detail) from error
    if not all(name.split(".")):
        raise _not_a_name("the host has an empty label")
    return name


def _not_a_name(why: str) -> InvalidRequest:
    return InvalidRequest(
        detail=f"server_hostname: {why}", hint="give a name without scheme and port, as server_hostname='example.org'"
    )
