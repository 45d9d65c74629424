"""TLS handshakes, and TLS as a layer that a dial lays over a link."""

from __future__ import annotations

from ..errors import CertificateError, InvalidRequest, InvalidURL, TLSError
from ..hints import TYPE_CHECKING, Protocol
from ..values.host import parse_host
from .link import Link, TLSLink
from .reactor import READ, WRITE, Reactor
from .route import TLSPolicy
from .waiter import FOREVER, Interrupted, Waiter

if TYPE_CHECKING:
    import ssl
    from typing import Any

    from .dial import Dial

__all__ = ["Contexts", "Encryption", "Handshake", "peer_name"]


class Contexts(Protocol):
    """Gives TLS contexts."""

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        """The context for a policy, if it was built before."""
        ...

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        """The context for a policy; reads files."""
        ...


class Handshake(Waiter):
    """A TLS handshake under way.

    Args:
        reactor: turns the link.
        link: the link.
        final: when it has to be done.

    Attributes:
        agreed: whether it is.
    """

    __slots__ = ("_interest", "_link", "_reactor", "agreed")

    def __init__(self, reactor: Reactor, link: TLSLink, final: float) -> None:
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

    __slots__ = ("_contexts", "_name", "_policy", "_protocols", "_session")

    def __init__(
        self, contexts: Contexts, policy: TLSPolicy, host: str, protocols: tuple[str, ...], session: Any = None
    ) -> None:
        self._contexts = contexts
        self._policy = policy
        self._name = peer_name(host, policy)
        self._protocols = protocols
        self._session = session

    async def over(self, link: Link, dial: Dial) -> Link:
        """Encrypt what travels over a link, unless it is encrypted up to its far end already.

        Raises:
            TLSError: or CertificateError: both ends did not agree.
            RequestTimeout: the dial's time ran out.
        """
        if link.encrypted:
            return link
        secure = self._wrap(link, await self._context(dial))
        handshake = Handshake(dial.reactor, secure, dial.final)
        try:
            handshake.start()
            if not handshake.done:
                await dial.host.wait(handshake)
        finally:
            handshake.cancel()
        if handshake.error is not None:
            raise _refusal(handshake.take_error(), self._name, self._policy)
        if not handshake.agreed:
            raise dial.late(" (TLS handshake)")
        return secure

    async def _context(self, dial: Dial) -> ssl.SSLContext:
        known = self._contexts.get(self._policy, self._protocols)
        if known is not None:
            return known
        try:
            return await dial.host.call(self._contexts.build, self._policy, self._protocols, deadline=dial.final)
        except Interrupted:
            raise dial.late(" (reading root certificates)") from None

    def _wrap(self, link: Link, context: ssl.SSLContext) -> TLSLink:
        if self._session is not None:
            try:
                return TLSLink(link, context, self._name, self._session)
            except ValueError:
                pass  # it was agreed on under another context, before the environment named other roots
        try:
            return TLSLink(link, context, self._name)
        except (OSError, ValueError) as error:
            raise TLSError(phase="tls", detail=f"{self._name}: {error}") from error


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


def _refusal(error: BaseException, name: str, policy: TLSPolicy) -> BaseException:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        roots = "the system's roots" if policy.verify is True else f"the roots of {policy.verify}"
        failure: TLSError = CertificateError(
            phase="tls",
            detail=f"{name}: {error.verify_message}; checked against {roots}",
            hint="for a private CA give verify='/path/to/ca.pem'",
        )
    elif isinstance(error, OSError):
        reason = getattr(error, "reason", None) or error.strerror or str(error) or type(error).__name__
        failure = TLSError(phase="tls", detail=f"{name}: {reason}")
    else:
        return error
    failure.__cause__ = error
    return failure
