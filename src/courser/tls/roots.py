"""Where root certificates come from: decided in one place, for whoever loads them and for the errors that name them."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, NamedTuple
from ..values.trust import is_pem

if TYPE_CHECKING:
    from typing import Any, Final

    from ..core.route import TLSPolicy

__all__ = ["HASHED_FOLDERS", "VARIABLES", "Roots", "judging_context", "roots_of"]

HASHED_FOLDERS: Final = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts")
"""Where distributions keep roots under names that OpenSSL can look up (c_rehash)."""

BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that stand for a file or a folder instead of everything else; Requests and curl have made them known."""

VARIABLES: Final = (*BUNDLES, "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that the environment may say of roots. One that is empty says nothing."""


class Roots(NamedTuple):
    """Root certificates, before they are read.

    Attributes:
        told: what they are, as an error names them.
        file: the path of a file of them.
        folder: the path of a folder of them, prepared with c_rehash; or several paths, as OpenSSL separates them.
        data: the certificates themselves: PEM, or DER.
        option: who names the file or the folder: an option or a variable.
        store: whether those that the operating system keeps are meant.
    """

    told: str
    file: str | None = None
    folder: str | None = None
    data: str | bytes | None = None
    option: str = ""
    store: bool = False

    @property
    def paths(self) -> list[str]:
        """Where they are, in files and folders."""
        files = [] if self.file is None else [self.file]
        return files + ([] if self.folder is None else self.folder.split(os.pathsep))

    def load(self, context: ssl.SSLContext) -> None:
        """Put them into a context.

        Raises:
            InvalidRequest: they cannot be read, or are none.
        """
        if self.store:
            if judging_context() is None:
                context.load_default_certs()
            return
        try:
            if self.file is not None:
                context.load_verify_locations(cafile=self.file)
            if self.folder is not None:
                context.load_verify_locations(capath=self.folder)
            if self.data is not None:
                context.load_verify_locations(cadata=self.data)
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InvalidRequest:
        why = getattr(error, "strerror", None) or str(error)
        if self.data is not None:
            return InvalidRequest(detail=f"{self.option}: the certificates that were given cannot be read: {why}")
        return InvalidRequest(
            detail=f"{self.option}: no certificates could be read from {self.file or self.folder}: {why}",
            hint="give the path of a PEM file, or of a folder prepared with c_rehash",
        )


def roots_of(policy: TLSPolicy) -> Roots:
    """The roots that a policy means.

    Args:
        policy: one that names roots: its `verify` is not False.
    """
    verify: Any = policy.verify
    if verify is True:
        return _system_roots(os.environ if policy.trust_env else {})
    if isinstance(verify, bytes) or is_pem(verify):
        return Roots("the certificates given as verify", data=verify, option="verify")
    if isinstance(verify, str):
        return _at(verify, "verify")
    return Roots("the roots of the ssl.SSLContext given as verify")


def _system_roots(environment: Mapping[str, str]) -> Roots:
    for name in BUNDLES:
        if environment.get(name):
            return _at(environment[name], name)
    file, folder = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if not file and not folder:
        return _default_roots()
    # As OpenSSL has it: of file and folder, each is the default one unless its own variable names another.
    paths = ssl.get_default_verify_paths()
    named = [name for name, value in (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)) if value]
    return Roots(
        f"the roots that {' and '.join(f'{name}={environment[name]}' for name in named)} names",
        file=file or _there(paths.openssl_cafile),
        folder=folder or paths.openssl_capath,
        option=named[0],
    )


def _default_roots() -> Roots:
    if sys.platform == "win32" or judging_context() is not None:
        return Roots("the system's roots", store=True)
    for folder in HASHED_FOLDERS:
        if _is_hashed(folder):
            return Roots(f"the system's roots in {folder}", folder=folder)
    paths = ssl.get_default_verify_paths()
    file = _there(paths.openssl_cafile)
    return Roots(f"the system's roots in {file or paths.openssl_capath}", file=file, folder=paths.openssl_capath)


def judging_context() -> type[ssl.SSLContext] | None:
    """The kind of context that has the operating system judge certificates; None where OpenSSL has to do it."""
    return _truststore() if sys.platform in ("darwin", "win32") else None


@cache
def _truststore() -> type[ssl.SSLContext] | None:
    """What the package truststore has; it is required on these systems, but may have been left out."""
    from importlib import import_module

    try:
        package: Any = import_module("truststore")
    except ImportError:
        return None
    kind: type[ssl.SSLContext] = package.SSLContext
    return kind


def _at(path: str, option: str) -> Roots:
    told = f"the roots in {path}" if option == "verify" else f"the roots that {option}={path} names"
    if Path(path).is_dir():
        return Roots(told, folder=path, option=option)
    return Roots(told, file=path, option=option)


def _there(path: str) -> str | None:
    return path if os.path.isfile(path) else None


def _is_hashed(folder: str) -> bool:
    """Whether a folder holds certificates under their hashes: eight hexadecimal digits, a dot and a number."""
    try:
        with os.scandir(folder) as entries:
            return any(len(entry.name) == 10 and entry.name.endswith(".0") for entry in entries)
    except OSError:
        return False
