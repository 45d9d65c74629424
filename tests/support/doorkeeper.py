"""A server's side of Digest authentication, by the letters of RFC 7616 and by nothing of the library that it tests."""

from __future__ import annotations

import hashlib
import re
import threading
from urllib.parse import unquote_to_bytes

from faultserver import Received, reply

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
FIELD = re.compile(r'([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^ ,]+))(?:, |$)')


def fields_of(value: str) -> dict[str, str]:
    """The parameters of an Authorization field; whatever is not as the grammar wants it is an error."""
    scheme, _, rest = value.partition(" ")
    assert scheme == "Digest", value
    fields: dict[str, str] = {}
    at = 0
    for match in FIELD.finditer(rest):
        assert match.start() == at, rest[at:]
        at = match.end()
        assert match[1] not in fields, match[1]
        fields[match[1]] = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
    assert at == len(rest), rest[at:]
    return fields


class Doorkeeper:
    """Lets in who knows the password, once for each nonce and count.

    Args:
        user, password: of whom.
        algorithm: with or without -sess.
        qop: what is offered; None for what was before RFC 2617.
        realm, opaque: told to the client.
        userhash: whether the name is to be hashed.
        uses: how often a nonce can be used; then it is stale.
        announce: whether the next nonce is announced when one is used up.
        more: parameters added to the challenge.

    Attributes:
        refused: why each request was not let in.
        admitted: the fields that let each other request in.
    """

    def __init__(
        self,
        user: str = "Mufasa",
        password: str = "Circle of Life",
        *,
        algorithm: str = "SHA-256",
        qop: str | None = "auth",
        realm: str = "http-auth@example.org",
        opaque: str = "opaque",
        userhash: bool = False,
        uses: int = 1_000_000,
        announce: bool = False,
        more: str = "",
    ) -> None:
        self.user, self.password = user.encode(), password.encode()
        self.algorithm, self.qop, self.realm, self.opaque, self.userhash = algorithm, qop, realm, opaque, userhash
        self.uses, self.announce, self.more = uses, announce, more
        self.refused: list[str] = []
        self.admitted: list[dict[str, str]] = []
        self._nonces: dict[str, set[str]] = {}
        self._cnonces: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> bytes:
        """Answer a request."""
        with self._lock:
            why, fields = self._examine(request)
            if why:
                self.refused.append(why)
                return reply(b"who are you?", "401 Unauthorized", *self.challenges(why == "stale"))
            self.admitted.append(fields)
            more = []
            if self.announce and len(self._nonces[fields["nonce"]]) >= self.uses:
                more.append(f'Authentication-Info: nextnonce="{escaped(self._new_nonce())}"')
            return reply(b"welcome", "200 OK", *more)

    def challenges(self, stale: bool = False) -> list[str]:
        """The fields that ask who it is."""
        parts = [f'realm="{escaped(self.realm)}"', f'nonce="{escaped(self._new_nonce())}"']
        parts += [f"algorithm={self.algorithm}", f'opaque="{escaped(self.opaque)}"']
        if self.qop is not None:
            parts.append(f'qop="{self.qop}"')
        parts += ["stale=true"] * stale + ["userhash=true"] * self.userhash + ["charset=UTF-8"]
        return [f"WWW-Authenticate: Digest {', '.join(parts)}{self.more}"]

    def _new_nonce(self) -> str:
        nonce = f'nonce "{len(self._nonces)}\\'
        self._nonces[nonce] = set()
        return nonce

    def _hash(self, *parts: bytes) -> bytes:
        name = HASHES[self.algorithm.removesuffix("-sess")]
        return hashlib.new(name, b":".join(parts)).hexdigest().encode()

    def _examine(self, request: Received) -> tuple[str, dict[str, str]]:
        """Why a request is not let in, nothing if it is; and what it says."""
        value = request.get("authorization")
        if value is None:
            return "anonymous", {}
        fields = fields_of(value)
        if fields["realm"] != self.realm or fields["opaque"] != self.opaque or fields["uri"] != request.target:
            return "other values", fields
        if not self._is_user(fields):
            return "another user", fields
        if fields["response"].encode() != self._expected(request, fields):
            return "wrong", fields
        used = self._nonces.get(fields["nonce"])
        if used is None or len(used) >= self.uses:
            return "stale", fields
        nc = fields.get("nc", str(len(used)))
        if nc in used:
            return "replayed", fields
        used.add(nc)
        if self._cnonces.setdefault(fields["nonce"], fields.get("cnonce", "")) != fields.get("cnonce", ""):
            return "another session", fields
        return "", fields

    def _is_user(self, fields: dict[str, str]) -> bool:
        if self.userhash:
            told = fields["username"].encode()
            return fields.get("userhash") == "true" and told == self._hash(self.user, self.realm.encode())
        if "username*" in fields:
            charset, _, name = fields["username*"].split("'")
            return charset == "UTF-8" and unquote_to_bytes(name) == self.user
        return fields["username"].encode("latin-1") == self.user

    def _expected(self, request: Received, fields: dict[str, str]) -> bytes:
        nonce, cnonce = fields["nonce"].encode(), fields.get("cnonce", "").encode()
        secret = self._hash(self.user, self.realm.encode(), self.password)
        if self.algorithm.endswith("-sess"):
            secret = self._hash(secret, nonce, cnonce)
        asked = [request.method.encode(), request.target.encode()]
        if fields.get("qop") == "auth-int":
            asked.append(self._hash(request.body))
        if self.qop is None:
            assert "qop" not in fields
            return self._hash(secret, nonce, self._hash(*asked))
        assert fields["qop"] in self.qop.split(", ")
        return self._hash(secret, nonce, fields["nc"].encode(), cnonce, fields["qop"].encode(), self._hash(*asked))


def escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)
