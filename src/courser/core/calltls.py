"""What a call says of TLS, and which hops of its redirects it holds for.

How servers are verified, fingerprints included, holds for all of them: nothing gets easier by a redirect. A client
certificate proves who we are, and another name for the server is the name of one server. They are for the origin that
they were given for, as credentials are, and stay behind for good where a redirect leads elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from ..hints import TYPE_CHECKING
from ..policies.redirect import keeps_secrets
from ..values.trust import checked_cert, checked_verify
from .route import TLSPolicy

if TYPE_CHECKING:
    from ..settings import SendOptions
    from ..values.request import Request
    from ..values.url import URL

__all__ = ["CallTLS", "call_tls"]


class CallTLS:
    """What a call says of TLS.

    Args:
        own: the policy for the origin that the call begins with.
        home: that origin, where it is known that the call begins with a request that redirects have led away, and its
            caller has given a certificate or a name for it by hand.
    """

    __slots__ = ("_home", "own")

    def __init__(self, own: TLSPolicy, home: URL | None = None) -> None:
        self.own = own
        self._home = home

    def at(self, request: Request) -> TLSPolicy:
        """The policy for one hop."""
        own = self.own
        if not request.estranged or (self._home is not None and keeps_secrets(self._home, request.url)):
            return own
        return own._replace(cert=None, server_hostname=None)


def call_tls(client: TLSPolicy, options: SendOptions, request: Request, trusts: Callable[[URL], bool]) -> CallTLS:
    """What a call says of TLS, and its client where the call says nothing.

    Args:
        client: the client's policy.
        options: those of the call.
        request: its first request.
        trusts: whether what is the client's own goes to a URL.

    Raises:
        InvalidRequest, TypeError: an option makes no sense.
    """
    cert = checked_cert(options["cert"]) if "cert" in options else None
    if "verify" in options:
        policy = TLSPolicy.of(checked_verify(options["verify"]), cert, client.trust_env)
    else:
        policy = client._replace(cert=cert)
    if "cert" not in options and policy.cert is None and not hasattr(policy.verify, "wrap_socket"):
        policy = policy._replace(cert=client.cert if trusts(request.url) else None)
    if "server_hostname" in options:
        policy = policy._replace(server_hostname=options["server_hostname"])
    by_hand = request.estranged and ("cert" in options or "server_hostname" in options)
    return CallTLS(policy, request.url if by_hand else None)
