"""What is said of a certificate that was not accepted: whose it is, what it was checked against, what can be done."""

from __future__ import annotations

import ssl
from time import gmtime, strftime

from ..errors import CertificateError
from ..hints import TYPE_CHECKING
from ..values.trust import spell
from .certificate import public_key_of, read_certificate
from .roots import VARIABLES, Roots, roots_of

if TYPE_CHECKING:
    from typing import Final

    from ..core.route import TLSPolicy

__all__ = ["check_fingerprints", "refusal"]

# The first numbers are OpenSSL's (X509_V_ERR in x509_vfy.h), those beyond 2^31 are of Windows (CERT_E in winerror.h),
# those below zero of macOS (errSec in SecBase.h): truststore gives them as they are.
OUTDATED: Final = frozenset({9, 10, 0x800B0101, -67818})
UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21, 27, 0x800B0109, 0x800B010A, -67843})
"""No issuer, signed by itself, a chain that ends nowhere, a root that is not trusted for servers."""
OTHER_PURPOSE: Final = frozenset({26, 0x800B0110})
OTHER_NAME: Final = frozenset({62, 64, 0x800B010F, -67602})
WEAK: Final = frozenset({66, 67, 68})
"""Key or signature below the security level."""

NAMES_SHOWN: Final = 8


def refusal(
    policy: TLSPolicy, name: str, error: ssl.SSLCertVerificationError, certificate: bytes | None
) -> CertificateError:
    """What to raise when OpenSSL has refused a certificate.

    Args:
        policy: how it was verified.
        name: what the peer was asked to be.
        error: what OpenSSL says.
        certificate: what the peer has shown, in DER, where it is known.
    """
    told = [f"{name}: {_reason(error).rstrip('.')}"]
    if certificate is not None:
        told.append(_described(certificate))
    roots = roots_of(policy)
    told.append(f"checked against {roots.told}")
    return CertificateError(phase="tls", detail="; ".join(told), hint=_hint(getattr(error, "verify_code", 0), roots))


def _reason(error: ssl.SSLCertVerificationError) -> str:
    """What was found; whoever judges in OpenSSL's place may have left it to the error's own text."""
    told: str = getattr(error, "verify_message", "") or str(error.args[-1] if error.args else type(error).__name__)
    return told


def _described(certificate: bytes) -> str:
    try:
        read = read_certificate(certificate)
    except ValueError as error:
        return f"the certificate cannot be read: {error}"
    names = list(read.names[:NAMES_SHOWN])
    if len(read.names) > NAMES_SHOWN:
        names.append(f"and {len(read.names) - NAMES_SHOWN} more")
    return (
        f"the certificate of {read.subject or 'nobody'} was issued by {read.issuer or 'nobody'}"
        f" for {', '.join(names) or 'no name'}, and is valid from {read.starts} to {read.ends} UTC"
    )


def _hint(code: int, roots: Roots) -> str:
    if code in UNTRUSTED:
        # A variable that is set already may stand in the way of another one.
        variable = roots.option if roots.option in VARIABLES else "SSL_CERT_FILE"
        return (
            f"for a private CA give verify='/path/to/ca.pem', or name the file in {variable}; "
            "to trust this very server give verify=courser.TLS(roots=False, fingerprints=[...])"
        )
    if code in OUTDATED:
        return f"the server needs another certificate, unless the clock here is wrong: it is {_now()} UTC"
    if code in OTHER_NAME:
        return "use a name that the certificate is for; where none leads to the server, give server_hostname='...'"
    if code in OTHER_PURPOSE:
        return "it was issued for something else than a server"
    if code in WEAK:
        return "for an old server give verify=courser.TLS(ciphers='DEFAULT@SECLEVEL=1')"
    return ""


def _now() -> str:
    return strftime("%Y-%m-%d %H:%M", gmtime())


def check_fingerprints(policy: TLSPolicy, name: str, certificate: bytes | None) -> None:
    """See that a peer has one of the keys that a policy names.

    Args:
        policy: one with fingerprints.
        name: what the peer was asked to be.
        certificate: what it has shown, in DER.

    Raises:
        CertificateError: it has another key, or has shown none.
    """
    from hashlib import sha256
    from hmac import compare_digest

    if certificate is None:
        raise CertificateError(
            phase="tls",
            detail=f"{name}: its certificate is not known, so its key cannot be compared with the fingerprints",
            hint="a network that encrypts by itself has to give the certificate in Link.info()",
        )
    try:
        found = sha256(public_key_of(certificate)).digest()
    except ValueError as error:
        raise CertificateError(phase="tls", detail=f"{name}: its certificate cannot be read: {error}") from error
    if sum(compare_digest(found, each) for each in policy.fingerprints) == 0:
        raise CertificateError(
            phase="tls",
            detail=f"{name}: its key is {spell(found)}, which is none of the fingerprints",
            hint="if you know from elsewhere that the server has a new key, name it in courser.TLS(fingerprints=...)",
        )
