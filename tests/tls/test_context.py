"""TLS contexts: one for each policy, and what each policy means."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from courser.core.route import TLSPolicy
from courser.errors import InvalidRequest
from courser.tls import context as module
from courser.tls.context import Contexts

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

    assert Contexts().get(TLSPolicy(verify=own), PROTOCOLS) is own
    assert build(verify=own) is own


def test_a_context_of_the_user_s_is_not_changed(folder: Path) -> None:
    with pytest.raises(InvalidRequest, match="load_cert_chain"):
        build(verify=ssl.create_default_context(), cert=(str(folder / "both.pem"), None, None))


# Roots


@pytest.mark.parametrize("as_path", [True, False])
def test_roots_of_a_file(folder: Path, as_path: bool) -> None:
    path = folder / "ca.pem"

    assert subjects(build(verify=path if as_path else str(path))) == 1


def test_roots_of_a_folder(tmp_path: Path) -> None:
    assert subjects(build(verify=str(tmp_path))) == 0


@pytest.mark.parametrize("content", [None, "", "nonsense"])
def test_a_file_without_roots_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidRequest, match=r"verify: .*ca\.pem"):
        build(verify=str(path))


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_may_name_roots(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    monkeypatch.setenv(name, str(folder / "ca.pem"))

    assert subjects(build()) == 1


def test_roots_that_the_environment_names_and_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(InvalidRequest, match="REQUESTS_CA_BUNDLE"):
        build()


def test_a_folder_of_the_environment_s_is_openssl_s_business(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    context = Noting(ssl.PROTOCOL_TLS_CLIENT)
    module._load_system_roots(context)

    assert context.told == ["openssl"]


class Noting(ssl.SSLContext):
    """A context that notes where it was told to look."""

    def __init__(self, *given: Any) -> None:
        self.told: list[Any] = []

    def load_default_certs(self, purpose: Any = None) -> None:
        self.told.append("system")

    def set_default_verify_paths(self) -> None:
        self.told.append("openssl")

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        self.told.append(capath)


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
def test_each_system_keeps_its_roots_somewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str) -> None:
    """A folder is of use to OpenSSL where files are named by their hashes."""
    hashed, plain = tmp_path / "hashed", tmp_path / "plain"
    for path, name in ((hashed, "0a1b2c3d.0"), (plain, "ca-certificates.crt")):
        path.mkdir()
        (path / name).touch()
    monkeypatch.setattr(sys, "platform", platform)
    told = []
    for folders in ((str(tmp_path / "none"), str(plain), str(hashed)), (str(plain),)):
        monkeypatch.setattr(module, "HASHED_FOLDERS", folders)
        context = Noting(ssl.PROTOCOL_TLS_CLIENT)
        module._load_system_roots(context)
        told += context.told

    assert told == ([str(hashed), "openssl"] if platform == "linux" else ["system", "system"])


# Client certificates


def test_a_client_certificate_is_loaded(folder: Path) -> None:
    assert build(verify=False, cert=(str(folder / "cert.pem"), str(folder / "key.pem"), None))
    assert build(verify=False, cert=(str(folder / "both.pem"), None, "not needed"))


@pytest.mark.parametrize("chain", ["none.pem", "ca.pem"])
def test_a_client_certificate_that_cannot_be_loaded(folder: Path, chain: str) -> None:
    with pytest.raises(InvalidRequest, match=chain):
        build(verify=False, cert=(str(folder / chain), None, None))


def test_keys_are_logged_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    assert build(verify=False).keylog_filename == str(tmp_path / "keys")
