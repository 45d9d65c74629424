"""TLS contexts: one for each policy, and what each policy means."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from judge import Judge

from courser.core.route import TLSPolicy
from courser.errors import InvalidRequest
from courser.tls import context as module
from courser.tls.context import Contexts
from courser.tls.roots import VARIABLES
from courser.tls.watch import Watch

PROTOCOLS = ("http/1.1",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA, a certificate and its key."""
    folder = tmp_path_factory.mktemp("pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("client@example.org")
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    return folder


def build(**policy: Any) -> ssl.SSLContext:
    return Contexts().build(TLSPolicy(**policy), PROTOCOLS)


def subjects(context: ssl.SSLContext) -> int:
    return len(context.get_ca_certs())


def test_a_policy_has_one_context() -> None:
    contexts = Contexts()
    policy = TLSPolicy()
    assert contexts.get(policy, PROTOCOLS) is None
    built = contexts.build(policy, PROTOCOLS)

    assert contexts.get(policy, PROTOCOLS) is built
    assert contexts.build(policy, PROTOCOLS) is built
    assert contexts.build(policy, ("h2", "http/1.1")) is not built


def test_names_and_pins_need_no_context_of_their_own() -> None:
    contexts = Contexts()
    built = contexts.build(TLSPolicy(verify=False), PROTOCOLS)

    assert contexts.get(TLSPolicy(verify=False, server_hostname="a", fingerprints=(b"x",)), PROTOCOLS) is built


def test_another_environment_is_another_context(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    contexts = Contexts()
    built = contexts.build(TLSPolicy(), PROTOCOLS)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))

    assert contexts.get(TLSPolicy(), PROTOCOLS) is None
    assert contexts.build(TLSPolicy(), PROTOCOLS) is not built


def test_a_child_process_has_its_own_lock() -> None:
    contexts = Contexts()
    contexts._lock.acquire()
    contexts.forget()

    assert contexts.build(TLSPolicy(verify=False), PROTOCOLS)


def test_peers_are_verified_by_their_names_and_not_by_old_protocols() -> None:
    context = build()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_least_version_can_be_raised() -> None:
    assert build(minimum_version="1.3").minimum_version is ssl.TLSVersion.TLSv1_3


def test_ciphers_can_be_chosen() -> None:
    names = [cipher["name"] for cipher in build(ciphers="ECDHE-RSA-AES128-GCM-SHA256").get_ciphers()]

    assert "ECDHE-RSA-AES128-GCM-SHA256" in names
    assert "ECDHE-RSA-AES256-GCM-SHA384" not in names


@pytest.mark.parametrize("ciphers", ["nonsense", "a\0b", ""])
def test_ciphers_that_openssl_does_not_know(ciphers: str) -> None:
    with pytest.raises(InvalidRequest, match="ciphers: OpenSSL knows none of"):
        build(ciphers=ciphers)


def test_contexts_that_nobody_may_ever_need_again_are_not_kept_for_ever() -> None:
    contexts = Contexts()
    built = contexts.build(TLSPolicy(verify=False), PROTOCOLS)
    for number in range(module.KEPT):
        contexts._built[number] = module.Built(built, Watch(()))
    contexts.build(TLSPolicy(verify=False, minimum_version="1.3"), PROTOCOLS)

    assert len(contexts._built) == 1
    assert contexts.build(TLSPolicy(verify=False), PROTOCOLS) is not built


@pytest.mark.parametrize(("version", "partial"), [((3, 11), False), ((3, 13), True)])
def test_a_chain_may_end_below_the_root(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], partial: bool
) -> None:
    """As it does by default in newer Pythons."""
    monkeypatch.setattr(module.sys, "version_info", version)

    assert bool(build(verify=False).verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN) is partial


def test_verification_can_be_switched_off() -> None:
    context = build(verify=False)

    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname


@pytest.mark.parametrize("protocols", [(), ("h2", "http/1.1")])
def test_protocols_are_offered(monkeypatch: pytest.MonkeyPatch, protocols: tuple[str, ...]) -> None:
    offered: list[list[str]] = []

    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda context, names: offered.append(names))
    Contexts().build(TLSPolicy(verify=False), protocols)

    assert offered == ([list(protocols)] if protocols else [])


# A context of the user's


def test_a_context_of_the_user_s_is_used_as_it_is() -> None:
    own = ssl.create_default_context()
    before = settings_of(own)

    assert Contexts().get(TLSPolicy(verify=own), PROTOCOLS) is own
    assert build(verify=own) is own
    assert settings_of(own) == before


def settings_of(context: ssl.SSLContext) -> list[object]:
    return [
        context.verify_mode, context.check_hostname, context.verify_flags, context.minimum_version, context.options,
        context.keylog_filename, [each["name"] for each in context.get_ciphers()], context.cert_store_stats(),
    ]  # fmt: skip


def test_what_users_do_to_their_contexts_reaches_nobody_else() -> None:
    """Requests 2.32.0 to 2.32.4 shared one context with everybody who changed his session's."""
    contexts = Contexts()
    shared = contexts.build(TLSPolicy(), PROTOCOLS)
    own = ssl.create_default_context()
    contexts.build(TLSPolicy(verify=own), PROTOCOLS)
    own.check_hostname = False
    own.verify_mode = ssl.CERT_NONE

    assert contexts.build(TLSPolicy(), PROTOCOLS) is shared
    assert shared.verify_mode is ssl.CERT_REQUIRED


def test_a_context_of_the_user_s_is_not_changed(folder: Path) -> None:
    with pytest.raises(InvalidRequest, match="load_cert_chain"):
        build(verify=ssl.create_default_context(), cert=(str(folder / "both.pem"), None, None))


# Roots


def test_roots_are_loaded(folder: Path) -> None:
    assert subjects(build(verify=str(folder / "ca.pem"))) == 1


def test_an_environment_that_is_not_trusted_makes_no_other_context(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contexts = Contexts()
    built = contexts.build(TLSPolicy(trust_env=False), PROTOCOLS)
    for name in VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    assert contexts.get(TLSPolicy(trust_env=False), PROTOCOLS) is built
    assert Contexts().build(TLSPolicy(trust_env=False), PROTOCOLS).keylog_filename is None


def replace(path: Path, content: bytes) -> None:
    """Put a file in the place of another, as whoever renews certificates does."""
    other = path.with_suffix(".new")
    other.write_bytes(content)
    os.replace(other, path)


@pytest.mark.parametrize("how", ["verify", "SSL_CERT_FILE"])
def test_roots_that_were_renewed_are_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path, how: str
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes((folder / "ca.pem").read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    policy = TLSPolicy(verify=str(file)) if how == "verify" else TLSPolicy()
    contexts = Contexts()
    first = contexts.build(policy, PROTOCOLS)
    assert contexts.get(policy, PROTOCOLS) is first

    replace(file, file.read_bytes() + trustme.CA().cert_pem.bytes())

    assert contexts.get(policy, PROTOCOLS) is None
    second = contexts.build(policy, PROTOCOLS)
    assert subjects(second) == subjects(first) + 1
    assert contexts.get(policy, PROTOCOLS) is second


def test_a_folder_of_roots_that_has_changed_is_another_one(tmp_path: Path) -> None:
    """OpenSSL remembers what it has found in one."""
    contexts = Contexts()
    policy = TLSPolicy(verify=str(tmp_path))
    contexts.build(policy, PROTOCOLS)
    (tmp_path / "0a1b2c3d.0").touch()

    assert contexts.get(policy, PROTOCOLS) is None


def test_roots_that_are_gone_are_an_error_and_come_back(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes((folder / "ca.pem").read_bytes())
    contexts = Contexts()
    policy = TLSPolicy(verify=str(file))
    contexts.build(policy, PROTOCOLS)
    content = file.read_bytes()
    file.unlink()

    with pytest.raises(InvalidRequest, match=r"ca\.pem"):
        contexts.build(policy, PROTOCOLS)
    file.write_bytes(content)
    assert contexts.build(policy, PROTOCOLS)


def test_the_system_judges_by_itself_where_it_can(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Only where its own roots are meant: what is named stands alone (CVE-2019-11324)."""
    monkeypatch.setattr(module, "judging_context", lambda: Judge)
    monkeypatch.setattr("courser.tls.roots.judging_context", lambda: Judge)
    context = build()

    assert isinstance(context, Judge)
    assert context.loaded == []
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert type(build(verify=str(folder / "ca.pem"))) is ssl.SSLContext
    assert type(build(verify=False)) is ssl.SSLContext


# Client certificates


def test_a_client_certificate_is_loaded(folder: Path) -> None:
    assert build(verify=False, cert=(str(folder / "cert.pem"), str(folder / "key.pem"), None))
    assert build(verify=False, cert=(str(folder / "both.pem"), None, "not needed"))


@pytest.mark.parametrize("renewed", ["cert.pem", "key.pem"])
def test_a_client_certificate_that_was_renewed_is_read_again(tmp_path: Path, folder: Path, renewed: str) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    contexts = Contexts()
    policy = TLSPolicy(verify=False, cert=(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"), None))
    contexts.build(policy, PROTOCOLS)
    assert contexts.get(policy, PROTOCOLS) is not None

    replace(tmp_path / renewed, (folder / renewed).read_bytes())

    assert contexts.get(policy, PROTOCOLS) is None


@pytest.mark.parametrize("chain", ["none.pem", "ca.pem"])
def test_a_client_certificate_that_cannot_be_loaded(folder: Path, chain: str) -> None:
    with pytest.raises(InvalidRequest, match=chain):
        build(verify=False, cert=(str(folder / chain), None, None))


def test_keys_are_logged_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    assert build(verify=False).keylog_filename == str(tmp_path / "keys")


@pytest.mark.parametrize("password", ["S3cret", "wrong S3cret", None])
def test_a_key_may_have_a_password(folder: Path, tmp_path: Path, password: str | None) -> None:
    """Nobody is asked for one on the terminal, and none is told."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    locked = tmp_path / "locked.pem"
    encryption = serialization.BestAvailableEncryption(b"S3cret")
    locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    cert = (str(folder / "cert.pem"), str(locked), password)
    if password == "S3cret":
        assert build(verify=False, cert=cert)
        return
    with pytest.raises(InvalidRequest, match="its key could not be loaded") as caught:
        build(verify=False, cert=cert)
    assert "S3cret" not in str(caught.value)
