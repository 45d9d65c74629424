"""A private certificate authority for tests."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Authority:
    """A private certificate authority, and contexts for servers of various virtues."""

    def __init__(self, folder: Path) -> None:
        import trustme

        self._folder = folder
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
        self.asking = self._context("127.0.0.1")
        self._authority.configure_trust(self.asking)
        self.asking.verify_mode = ssl.CERT_REQUIRED

    def _context(self, *names: str, authority: Any = None, **options: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        (authority or self._authority).issue_cert(*names, **options).configure_cert(context)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def files(self, *names: str) -> tuple[str, str]:
        """A certificate and its key as files, for servers that are other programs."""
        made = self._authority.issue_cert(*names)
        certificate, key = str(self._folder / "server.pem"), str(self._folder / "server.key")
        made.cert_chain_pems[0].write_to_path(certificate)
        made.private_key_pem.write_to_path(key)
        return certificate, key
