"""A system that judges certificates by itself, as macOS and Windows do for the package truststore."""

from __future__ import annotations

import hashlib
import ssl
from typing import Any, ClassVar

from courser.tls.certificate import public_key_of


class Judge(ssl.SSLContext):
    """What `truststore.SSLContext` is there: OpenSSL shakes hands, and afterwards somebody else is asked.

    Attributes:
        known: the SHA-256 of the keys that are trusted.
        loaded: the roots that it was told to load.
    """

    known: ClassVar[set[bytes]] = set()
    loaded: list[str]

    def __init__(self, protocol: int = ssl.PROTOCOL_TLS_CLIENT) -> None:
        self.loaded = []
        self.sslobject_class = Judged

    def wrap_bio(self, *given: Any, **options: Any) -> ssl.SSLObject:
        self.check_hostname, self.verify_mode = False, ssl.CERT_NONE
        try:
            return super().wrap_bio(*given, **options)
        finally:
            self.verify_mode, self.check_hostname = ssl.CERT_REQUIRED, True

    def load_default_certs(self, purpose: Any = None) -> None:
        self.loaded.append("default")

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        self.loaded.append("more")


class Judged(ssl.SSLObject):
    """A connection that is judged once both ends have agreed."""

    def do_handshake(self) -> None:
        super().do_handshake()
        inner: Any = self
        chain = getattr(inner, "_sslobj", inner).get_unverified_chain() or ()
        if not chain:  # after a session was resumed, for one
            raise ssl.SSLCertVerificationError("Peer sent no certificates to verify")
        (leaf, *_) = (ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain)
        if hashlib.sha256(public_key_of(leaf)).digest() not in Judge.known:
            error = ssl.SSLCertVerificationError("not trusted")
            error.verify_message = "A certificate chain terminated in a root certificate which is not trusted."
            error.verify_code = 0x800B0109
            raise error
