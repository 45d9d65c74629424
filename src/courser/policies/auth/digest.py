"""The arithmetic of Digest access authentication (RFC 7616), for servers and for proxies.

The server gives a nonce, and whoever knows the password proves it by a hash of the password with that nonce, with the
method and the URI. What stays the same between two challenges is a `DigestSession`: the hash of the password, and how
often the nonce was used. Whoever sends requests keeps it, asks it for the value of the header, and makes another one
of the next challenge.

Text stands for bytes, as in ISO-8859-1 (see challenges.py); what the caller gives is bytes from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import new
from itertools import count
from os import urandom

from ...hints import TYPE_CHECKING, NamedTuple
from ...values.percent import COMPONENT, encode_bytes
from .challenges import Challenge, quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

__all__ = ["DigestChallenge", "DigestSession", "strongest"]

HASHES: Final = {"sha-512-256": "sha512_256", "sha-512": "sha512", "sha-256": "sha256", "sha": "sha1", "md5": "md5"}
"""The hash of each algorithm, the strongest first; SHA and SHA-512 were never registered, but are asked for."""

STRENGTH: Final = {name: rank for rank, name in enumerate(HASHES)}
SESSION: Final = "-sess"


class DigestChallenge(NamedTuple):
    """What a server asks for.

    Attributes:
        realm: what the password is for.
        nonce: what is hashed with it.
        opaque: to be sent back; None where there is none.
        algorithm: as the server has spelled it; None where it has not.
        hash: the name of the hash in hashlib.
        session: whether the hash of the password is one of the nonces too.
        qop: "auth"; "auth-int" where the server wants nothing less; empty with servers older than RFC 2617.
        stale: whether only the nonce was wrong.
        domain: the URIs that the answer is good for; empty for all of the origin.
        utf8: whether the server says that names are UTF-8.
        userhash: whether the user name is to be hashed.
    """

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str | None
    hash: str
    session: bool
    qop: str
    stale: bool
    domain: str
    utf8: bool
    userhash: bool


def strongest(challenges: Iterable[Challenge]) -> DigestChallenge | None:
    """The strongest challenge that can be answered, of several the first; None where there is none.

    Args:
        challenges: those of a response.
    """
    known = [each for challenge in challenges if (each := _known(challenge)) is not None]
    return min(known, key=_rank, default=None)


def _rank(challenge: DigestChallenge) -> int:
    return STRENGTH[_base(challenge.algorithm or "md5")]


def _base(algorithm: str) -> str:
    return algorithm.lower().removesuffix(SESSION)


def _known(challenge: Challenge) -> DigestChallenge | None:
    """A challenge, if it is one of Digest and nothing in it is unknown."""
    get = challenge.parameters.get
    realm, nonce, algorithm = get("realm"), get("nonce"), get("algorithm")
    name = HASHES.get(_base(algorithm or "md5"))
    qop = _qop(get("qop"))
    if challenge.scheme != "digest" or realm is None or not nonce or qop is None or name is None or not _exists(name):
        return None
    return DigestChallenge(
        realm=realm,
        nonce=nonce,
        opaque=get("opaque"),
        algorithm=algorithm,
        hash=name,
        session=algorithm is not None and algorithm.lower().endswith(SESSION),
        qop=qop,
        stale=_is_true(get("stale")),
        domain=get("domain", ""),
        utf8=get("charset", "").lower() == "utf-8",
        userhash=_is_true(get("userhash")),
    )


def _is_true(value: str | None) -> bool:
    return value is not None and value.lower() == "true"


def _qop(offered: str | None) -> str | None:
    """What to answer with; None where nothing that is offered is known."""
    names = [name.strip().lower() for name in (offered or "").split(",")]
    for known in ("auth", "auth-int"):
        if known in names:
            return known
    return None if any(names) else ""


@cache
def _exists(name: str) -> bool:
    """Whether the OpenSSL of this Python has a hash."""
    try:
        _new(name)
    except ValueError:
        return False
    return True


def _new(name: str) -> Any:
    # Where MD5 is forbidden it is so for signatures; here the server has chosen, and the alternative is no login.
    return new(name, usedforsecurity=False)


def _hex(made: Any) -> bytes:
    text: str = made.hexdigest()
    return text.encode("ascii")


def _hash_of(name: str) -> Callable[..., bytes]:
    def digest(*parts: bytes) -> bytes:
        made = _new(name)
        made.update(b":".join(parts))
        return _hex(made)

    return digest


class DigestSession:
    """Answers requests by one challenge. It may be shared by any number of threads.

    Args:
        challenge: the challenge.
        username: in UTF-8.
        password: in UTF-8.
        cnonce: the client's nonce, for tests; else it is random. It stays the same for the whole session, so that
            nobody can misunderstand which one the hash of the password was made with.

    Attributes:
        challenge: the challenge.
    """

    __slots__ = ("_cnonce", "_counter", "_hash", "_key", "_user", "challenge")

    def __init__(
        self, challenge: DigestChallenge, username: bytes, password: bytes, cnonce: bytes | None = None
    ) -> None:
        realm, nonce = challenge.realm.encode("latin-1"), challenge.nonce.encode("latin-1")
        self.challenge = challenge
        self._cnonce = urandom(16).hex().encode("ascii") if cnonce is None else cnonce
        self._counter = count(1)
        self._hash = digest = _hash_of(challenge.hash)
        self._key = digest(username, realm, password)
        if challenge.session:
            self._key = digest(self._key, nonce, self._cnonce)
        self._user = _user_field(digest(username, realm) if challenge.userhash else username, challenge)

    def renewed(self, nonce: str) -> DigestSession:
        """The same with another nonce, which the server has given for what comes next."""
        other = DigestSession.__new__(DigestSession)
        other.challenge = self.challenge._replace(nonce=nonce)
        other._cnonce, other._hash, other._key, other._user = self._cnonce, self._hash, self._key, self._user
        other._counter = count(1)
        return other

    def hash_body(self, pieces: Iterable[bytes]) -> bytes:
        """The hash of a body, which `auth-int` wants.

        Args:
            pieces: the body as it is sent, before any transfer coding.
        """
        made = _new(self.challenge.hash)
        for piece in pieces:
            made.update(piece)
        return _hex(made)

    def next_count(self) -> bytes:
        """How often the nonce is used by now, counting this time."""
        return b"%08x" % next(self._counter)

    def answer(self, method: str, uri: bytes, nc: bytes, body_hash: bytes = b"") -> bytes:
        """The value of Authorization, or of Proxy-Authorization.

        Args:
            method: of the request.
            uri: the target of the request, as in its request line.
            nc: from `next_count`.
            body_hash: from `hash_body`, where `challenge.qop` is "auth-int".
        """
        challenge = self.challenge
        fields = [
            self._user,
            f"realm={quoted(challenge.realm)}",
            f"nonce={quoted(challenge.nonce)}",
            f"uri={quoted(uri.decode('latin-1'))}",
            f'response="{self._response(method.encode("ascii"), uri, nc, body_hash).decode("ascii")}"',
        ]
        if challenge.algorithm is not None:
            fields.append(f"algorithm={challenge.algorithm}")
        if challenge.opaque is not None:
            fields.append(f"opaque={quoted(challenge.opaque)}")
        if challenge.qop:
            fields.append(f"qop={challenge.qop}, nc={nc.decode('ascii')}")
        if challenge.qop or challenge.session:
            fields.append(f"cnonce={quoted(self._cnonce.decode('latin-1'))}")
        if challenge.userhash:
            fields.append("userhash=true")
        return f"Digest {', '.join(fields)}".encode("latin-1")

    def _response(self, method: bytes, uri: bytes, nc: bytes, body_hash: bytes) -> bytes:
        digest, challenge = self._hash, self.challenge
        nonce, qop = challenge.nonce.encode("latin-1"), challenge.qop.encode("ascii")
        asked = digest(method, uri, body_hash) if qop == b"auth-int" else digest(method, uri)
        if not qop:
            return digest(self._key, nonce, asked)
        return digest(self._key, nonce, nc, self._cnonce, qop, asked)


def _user_field(name: bytes, challenge: DigestChallenge) -> str:
    """The parameter that names the user: a name that is not ASCII has one of its own (RFC 7616 section 3.4)."""
    if challenge.utf8 and not name.isascii():
        return f"username*=UTF-8''{encode_bytes(name, COMPONENT)}"
    return f"username={quoted(name.decode('latin-1'))}"
