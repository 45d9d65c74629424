"""TLS contexts, built once per policy and shared by every client of the process.

Building one costs as much as a thousand requests, most of it for reading root certificates. Where the system keeps
them in a hashed folder, OpenSSL is pointed at the folder and reads the one root that it needs.

A context that a user made is used as it is and never changed: what would have to be set on it (the application
protocols on offer) is the user's business then.

Where the operating system itself judges certificates, the package truststore makes the context: it has OpenSSL shake
hands without judging, and asks the system before anything else is sent.
"""

from __future__ import annotations

import os
import ssl
import sys
import threading

from ..core.fork import remember
from ..core.route import TLSPolicy
from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, NamedTuple
from .roots import VARIABLES, judging_context, roots_of
from .watch import Watch

if TYPE_CHECKING:
    from typing import Final

    from .roots import Roots

__all__ = ["Contexts", "contexts"]

KEPT: Final = 256
"""Contexts that are kept; beyond, all are forgotten and built anew when they are needed."""


class Built(NamedTuple):
    """A context, and the files that it was made of."""

    context: ssl.SSLContext
    files: Watch


class Contexts:
    """A cache of contexts by policy and application protocols; one whose files have changed since is built anew."""

    def __init__(self) -> None:
        self._built: dict[object, Built] = {}
        self._lock = threading.Lock()
        remember(self)

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...]) -> ssl.SSLContext | None:
        """The context for a policy, if it was built before, of files that are still the same."""
        if isinstance(policy.verify, ssl.SSLContext) and policy.cert is None:
            return policy.verify
        built = self._built.get(_key(policy, protocols))
        return None if built is None or built.files.changed else built.context

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...]) -> ssl.SSLContext:
        """The context for a policy.

        Raises:
            InvalidRequest: a file is missing or is not what it should be.
        """
        with self._lock:
            context = self.get(policy, protocols)
            if context is None:
                if len(self._built) >= KEPT:
                    self._built.clear()
                built = self._built[_key(policy, protocols)] = _build(policy, protocols)
                context = built.context
            return context

    def forget(self) -> None:
        """Have a new lock, as a forked child has to; contexts may be shared with the parent."""
        self._lock = threading.Lock()


def _key(policy: TLSPolicy, protocols: tuple[str, ...]) -> object:
    # What the environment says of roots is part of what "the system's roots" means.
    asked = policy.verify is True and policy.trust_env
    roots = tuple(os.environ.get(name) for name in VARIABLES) if asked else None
    return (policy._replace(server_hostname=None, fingerprints=()), protocols, roots)


def _build(policy: TLSPolicy, protocols: tuple[str, ...]) -> Built:
    if isinstance(policy.verify, ssl.SSLContext):
        raise InvalidRequest(
            detail="cert was given together with an ssl.SSLContext as verify",
            hint="load the client certificate into the context: context.load_cert_chain(...)",
        )
    roots = None if policy.verify is False else roots_of(policy)
    files = Watch((*(roots.paths if roots is not None else ()), *(filter(None, (policy.cert or ())[:2]))))
    context = _new_context(roots)
    context.hostname_checks_common_name = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if policy.minimum_version == "1.3":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if policy.ciphers is not None:
        _set_ciphers(context, policy.ciphers)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if roots is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        roots.load(context)
    if policy.cert is not None:
        _load_certificate(context, policy.cert)
    keylog = os.environ.get("SSLKEYLOGFILE") if policy.trust_env else None
    if keylog:
        context.keylog_filename = keylog
    return Built(context, files)


def _new_context(roots: Roots | None) -> ssl.SSLContext:
    judging = judging_context() if roots is not None and roots.store else None
    context = (judging or ssl.SSLContext)(ssl.PROTOCOL_TLS_CLIENT)
    # An end without close_notify may have been made by somebody on the path; Python 3.11.2, for one, would not tell.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def _set_ciphers(context: ssl.SSLContext, ciphers: str) -> None:
    try:
        context.set_ciphers(ciphers)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            detail=f"ciphers: OpenSSL knows none of {ciphers!r}",
            hint="it is a list as `openssl ciphers` takes it, such as 'ECDHE+AESGCM', without those of TLS 1.3",
        ) from error


def _load_certificate(context: ssl.SSLContext, cert: tuple[str, str | None, str | None]) -> None:
    chain, key, password = cert
    try:
        context.load_cert_chain(chain, key, password or "")
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            detail=f"cert: {chain} and its key could not be loaded: {getattr(error, 'reason', None) or error}",
            hint="give cert=(certificate file, key file, password)",
        ) from error


contexts: Final = Contexts()
