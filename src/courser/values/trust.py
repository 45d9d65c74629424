"""What may be said of TLS by the options `verify` and `cert`: of a server's, and of a proxy's."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, cast, final

if TYPE_CHECKING:
    import ssl
    from os import PathLike
    from typing import Any, Final, NoReturn, TypeAlias

    from ..settings import CertTypes

    Roots: TypeAlias = "bool | str | bytes | PathLike[str] | ssl.SSLContext"
    Fingerprints: TypeAlias = "str | bytes | Iterable[str | bytes]"

__all__ = ["TLS", "checked_cert", "checked_verify", "is_pem", "spell"]

PEM: Final = "-----BEGIN "
"""How certificates begin that are given as text; no path has such a name."""

VERSIONS: Final = ("1.2", "1.3")

DIGEST: Final = 32
"""Bytes of a SHA-256."""

FIELDS: Final = ("roots", "fingerprints", "minimum_version", "ciphers", "cert")


@final
class TLS:
    """How the certificate of a server or a proxy is verified. Immutable; given as the option `verify`.

    Args:
        roots: True for the system's roots, False for none, a CA file or folder, certificates as PEM text or bytes (PEM
            or DER), or an ssl.SSLContext, which is used as it is.
        fingerprints: pins: the SHA-256 of the server's public key (SubjectPublicKeyInfo), as `sha256//` and base64, in
            hexadecimal digits, or as bytes; any one of several has to match. They hold beside the roots, and instead of
            them with `roots=False`.
        minimum_version: the lowest version of TLS that is accepted: "1.2" or "1.3".
        ciphers: what TLS 1.2 may use, as OpenSSL lists it, such as "ECDHE+AESGCM".
        cert: a client certificate: a PEM file, (file, key) or (file, key, password).

    Attributes:
        fingerprints: in bytes, each once, in order.
        cert: (file, key file, password), or None.

    Raises:
        InvalidRequest: an argument makes no sense, or contradicts another one.
        TypeError: an argument is of another kind.
    """

    __slots__ = ("cert", "ciphers", "fingerprints", "minimum_version", "roots")

    roots: Any
    fingerprints: tuple[bytes, ...]
    minimum_version: str
    ciphers: str | None
    cert: tuple[str, str | None, str | None] | None

    def __init__(
        self,
        roots: Roots = True,
        *,
        fingerprints: Fingerprints = (),
        minimum_version: str = "1.2",
        ciphers: str | None = None,
        cert: CertTypes = None,
    ) -> None:
        values = {
            "roots": _checked_roots(roots, "roots"),
            "fingerprints": _checked_fingerprints(fingerprints),
            "minimum_version": _checked_version(minimum_version),
            "ciphers": _checked_ciphers(ciphers),
            "cert": checked_cert(cert),
        }
        if hasattr(roots, "wrap_socket") and (minimum_version != "1.2" or ciphers is not None or cert is not None):
            raise InvalidRequest(
                detail="a courser.TLS was given an ssl.SSLContext, and minimum_version, ciphers or cert as well",
                hint="set them on the context",
            )
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _key(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in FIELDS)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, TLS) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        roots = "PEM" if isinstance(self.roots, bytes) or is_pem(self.roots) else repr(self.roots)
        told = [roots]
        if self.fingerprints:
            told.append(f"fingerprints=[{', '.join(repr(spell(each)) for each in self.fingerprints)}]")
        if self.minimum_version != "1.2":
            told.append(f"minimum_version={self.minimum_version!r}")
        if self.ciphers is not None:
            told.append(f"ciphers={self.ciphers!r}")
        if self.cert is not None:
            told.append(f"cert={self.cert[0]!r}")
        return f"TLS({', '.join(told)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._key(),)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a TLS is immutable: make another one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a TLS is immutable")


def _restore(values: tuple[Any, ...]) -> TLS:
    made = TLS.__new__(TLS)
    for name, value in zip(FIELDS, values, strict=True):
        object.__setattr__(made, name, value)
    return made


def is_pem(roots: object) -> bool:
    """Whether roots are given as text, not as the path of a file."""
    return isinstance(roots, str) and PEM in roots


def spell(fingerprint: bytes) -> str:
    """A fingerprint as curl and others write it."""
    from base64 import b64encode

    return "sha256//" + b64encode(fingerprint).decode("ascii")


def checked_verify(verify: Any) -> Any:
    """What a TLS policy takes for the option `verify`.

    Raises:
        TypeError: it is of another kind; None too, which could be meant either way.
        InvalidRequest: it is an empty path, or bytes that are no certificates.
    """
    return verify if isinstance(verify, TLS) else _checked_roots(verify, "verify", " or a courser.TLS")


def _checked_roots(roots: Any, name: str, more: str = "") -> Any:
    if isinstance(roots, bool):
        return roots
    if isinstance(roots, bytes | bytearray):
        return _checked_bytes(bytes(roots), name)
    if isinstance(roots, str) or hasattr(roots, "__fspath__"):
        path: str = os.fspath(roots)
        if PEM in path:
            return _ascii(path.encode(errors="ignore"))
        if not path:
            # Taken for a false value, it would switch verification off.
            raise InvalidRequest(detail=f"{name} is an empty path", hint=f"{name}=True means the system's roots")
        return path
    if not hasattr(roots, "wrap_socket"):
        raise TypeError(
            f"{name} is True, False, the path of a CA file or folder, certificates as PEM, an ssl.SSLContext{more}, "
            f"not {roots!r}"
        )
    return roots


def _checked_bytes(roots: bytes, name: str) -> str | bytes:
    if PEM.encode() in roots:
        return _ascii(roots)
    if roots[:1] != b"0":  # a SEQUENCE
        raise InvalidRequest(detail=f"{name} is bytes that are neither PEM nor DER", hint="a path is a str")
    return roots


def _ascii(text: bytes) -> str:
    """PEM as OpenSSL takes it: what is not ASCII can only be comment between the certificates."""
    return text.decode("ascii", "ignore")


def checked_cert(cert: Any) -> tuple[str, str | None, str | None] | None:
    """What a TLS policy takes for the option `cert`.

    Raises:
        TypeError: it is of another kind.
        InvalidRequest: it is an empty path.
    """
    if cert is None:
        return None
    parts: list[Any] = [*cert] if type(cert) is tuple else [cert]
    if 1 <= len(parts) <= 3 and all(isinstance(part, str) or hasattr(part, "__fspath__") for part in parts[:2]):
        paths: list[str] = [os.fspath(part) for part in parts[:2]]
        if not all(paths):
            raise InvalidRequest(detail="cert is an empty path", hint="cert=None means none")
        return (paths[0], paths[1] if len(paths) == 2 else None, parts[2] if len(parts) == 3 else None)
    raise TypeError("cert is the path of a PEM file, (certificate, key) or (certificate, key, password)")


def _checked_version(version: str) -> str:
    if version not in VERSIONS:
        raise InvalidRequest(
            detail=f"minimum_version is '1.2' or '1.3', not {version!r}",
            hint="for a server that knows older ones only give an ssl.SSLContext as verify",
        )
    return version


def _checked_ciphers(ciphers: object) -> str | None:
    if ciphers is not None and not isinstance(ciphers, str):
        raise TypeError(f"ciphers is an OpenSSL cipher list such as 'ECDHE+AESGCM', not {ciphers!r}")
    return ciphers


def _checked_fingerprints(given: Any) -> tuple[bytes, ...]:
    if isinstance(given, str | bytes):
        given = (given,)
    if not isinstance(given, Iterable):
        raise TypeError(f"fingerprints are text or bytes, one or several, not {type(given).__name__}")
    return tuple(sorted({_fingerprint(each) for each in cast("Iterable[object]", given)}))


def _fingerprint(given: object) -> bytes:
    if isinstance(given, bytes):
        digest: bytes | None = given
    elif isinstance(given, str):
        text = given.strip()
        digits = text.replace(":", "")
        digest = _of_hexadecimal(digits) if len(digits) == 2 * DIGEST else _of_base64(text)
    else:
        raise TypeError(f"a fingerprint is text or bytes, not {type(given).__name__}")
    if digest is None or len(digest) != DIGEST:
        raise InvalidRequest(
            detail=f"fingerprints: {given!r} is no SHA-256",
            hint="it is 'sha256//' and 44 characters of base64, or 64 hexadecimal digits",
        )
    return digest


def _of_hexadecimal(digits: str) -> bytes | None:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None


def _of_base64(text: str) -> bytes | None:
    from base64 import b64decode

    try:
        return b64decode(text.removeprefix("sha256/").removeprefix("/"), validate=True)
    except ValueError:
        return None
