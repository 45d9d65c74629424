"""A private certificate authority for tests."""

from __future__ import annotations

import base64
import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Authority:
    """A private certificate authority, and contexts for servers of various virtues.

    Attributes:
        pins: the fingerprint of the key of each.
    """

    def __init__(self, folder: Path) -> None:
        import trustme

        self._folder = folder
        self.pins: dict[ssl.SSLContext, str] = {}
        self._authority = trustme.CA()
        self._stranger = trustme.CA()
        self.roots = str(folder / "roots.pem")
        self._authority.cert_pem.write_to_path(self.roots)
        mine = self._authority.issue_cert("client@example.org", common_name="the client")
        self.client = str(folder / "client.pem")
        mine.private_key_and_cert_chain_pem.write_to_path(self.client)
        self.good = self._context("127.0.0.1", "::1", "localhost", "alias.localhost")
        self.other_name = self._context("elsewhere.example")
        self.stranger = self._context("127.0.0.1", "localhost", authority=self._stranger)
        self.expired = self._context("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
        self.not_yet_valid = self._context("127.0.0.1", not_before=datetime(2200, 1, 1, tzinfo=UTC))
        self.asking = self._context("127.0.0.1")
        self._authority.configure_trust(self.asking)
        self.asking.verify_mode = ssl.CERT_REQUIRED
        self.curious = self._context("127.0.0.1")
        self._authority.configure_trust(self.curious)
        self.curious.verify_mode = ssl.CERT_OPTIONAL

    def fresh(self, *names: str, protocols: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
        """A good context that no other test knows, so that it may be changed; it offers protocols in ALPN."""
        context = self._context(*names)
        context.set_alpn_protocols(list(protocols))
        return context

    def _context(self, *names: str, authority: Any = None, **options: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made = (authority or self._authority).issue_cert(*names, **options)
        made.configure_cert(context)
        self.pins[context] = _pin_of(made.cert_chain_pems[0].bytes())
        context.set_alpn_protocols(["http/1.1"])
        return context

    def crafted(
        self, *names: Any, subject: str = "crafted", usage: str = "server", signed_by_itself: bool = False
    ) -> ssl.SSLContext:
        """A server whose certificate is as one wants it.

        Args:
            *names: what it is for, as objects of cryptography.x509.
            subject: the common name.
            usage: "server", "client" (no server may show it), or "weak" (its key is too short).
            signed_by_itself: whether nobody else has signed it.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        key: Any = rsa.generate_private_key(65537, 1024) if usage == "weak" else ec.generate_private_key(ec.SECP256R1())
        root = x509.load_pem_x509_certificate(self._authority.cert_pem.bytes())
        signer: Any = serialization.load_pem_private_key(self._authority.private_key_pem.bytes(), None)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
        oid = x509.ExtendedKeyUsageOID
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name if signed_by_itself else root.subject)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
            datetime(2200, 1, 1, tzinfo=UTC)
        )
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([oid.CLIENT_AUTH if usage == "client" else oid.SERVER_AUTH]), True
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        made = builder.sign(key if signed_by_itself else signer, hashes.SHA256())
        file = self._folder / f"crafted-{made.serial_number}.pem"
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.load_cert_chain(str(file))
        return context

    def files(self, *names: str) -> tuple[str, str]:
        """A certificate and its key as files, for servers that are other programs."""
        made = self._authority.issue_cert(*names)
        certificate, key = str(self._folder / "server.pem"), str(self._folder / "server.key")
        made.cert_chain_pems[0].write_to_path(certificate)
        made.private_key_pem.write_to_path(key)
        return certificate, key


def _pin_of(pem: bytes) -> str:
    """The fingerprint of a certificate's key, as another library finds it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    key = x509.load_pem_x509_certificate(pem).public_key().public_bytes(*form)
    return "sha256//" + base64.b64encode(hashlib.sha256(key).digest()).decode()
