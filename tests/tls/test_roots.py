"""Where root certificates come from, and how they are called where that matters."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from courser.core.route import TLSPolicy
from courser.errors import InvalidRequest
from courser.tls import roots as module
from courser.tls.roots import Roots, roots_of


class Noting(ssl.SSLContext):
    """A context that notes where it was told to look."""

    def __init__(self, *given: Any) -> None:
        self.told: list[Any] = []

    def load_default_certs(self, purpose: Any = None) -> None:
        self.told.append("the system")

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        self.told.append(cafile or capath or cadata)


def asked(roots: Roots) -> list[Any]:
    context = Noting(ssl.PROTOCOL_TLS_CLIENT)
    roots.load(context)
    return context.told


def loaded(**policy: Any) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    roots_of(TLSPolicy(**policy)).load(context)
    return len(context.get_ca_certs())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(tmp_path: Path, authority: trustme.CA) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def openssl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Where OpenSSL was built to look, and nothing that a distribution keeps."""
    file, folder = tmp_path / "built-in.pem", tmp_path / "built-in"
    paths = ssl.DefaultVerifyPaths("x", "x", "x", str(file), "x", str(folder))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(module, "HASHED_FOLDERS", ())
    return file, folder


# What a caller names


def test_a_file(bundle: str) -> None:
    """CVE-2019-11324: roots that a caller names stand alone, the system's are not added."""
    assert roots_of(TLSPolicy(bundle)) == Roots(f"the roots in {bundle}", file=bundle, option="verify")
    assert loaded(verify=bundle) == 1


def test_a_folder(tmp_path: Path) -> None:
    roots = roots_of(TLSPolicy(str(tmp_path)))

    assert roots == Roots(f"the roots in {tmp_path}", folder=str(tmp_path), option="verify")
    assert asked(roots) == [str(tmp_path)]
    assert loaded(verify=str(tmp_path)) == 0


@pytest.mark.parametrize("as_der", [False, True])
def test_certificates_themselves(authority: trustme.CA, as_der: bool) -> None:
    pem = authority.cert_pem.bytes().decode()
    given = ssl.PEM_cert_to_DER_cert(pem) if as_der else f"a comment\n{pem}"

    assert roots_of(TLSPolicy(given)).told == "the certificates given as verify"
    assert loaded(verify=given) == 1


def test_a_context_of_the_user_s_has_its_own() -> None:
    assert "SSLContext" in roots_of(TLSPolicy(ssl.create_default_context())).told


@pytest.mark.parametrize("content", [None, "", "nonsense"])
def test_a_file_without_certificates(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidRequest, match=r"verify: no certificates could be read from .*ca\.pem: .* \(give"):
        loaded(verify=str(path))


@pytest.mark.parametrize("given", ["-----BEGIN CERTIFICATE-----\nnonsense\n", b"0123", "/a\0b"])
def test_certificates_that_are_none(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="verify: "):
        loaded(verify=given)


# What the environment names


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_file_of_the_environment_s(monkeypatch: pytest.MonkeyPatch, bundle: str, name: str) -> None:
    monkeypatch.setenv(name, bundle)

    assert roots_of(TLSPolicy()).told == f"the roots that {name}={bundle} names"
    assert loaded() == 1


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_folder_of_the_environment_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")

    assert asked(roots_of(TLSPolicy())) == [str(tmp_path)]


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_file_of_the_environment_s_that_is_not_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """psf/requests#6074: what cannot be used is an error, never no verification."""
    monkeypatch.setenv(name, "/nowhere/ca.pem")
    with pytest.raises(InvalidRequest, match=f"{name}: no certificates could be read from /nowhere/ca.pem"):
        loaded()


@pytest.mark.parametrize("name", module.VARIABLES)
def test_a_variable_that_is_empty_says_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """psf/requests#6074: an empty CURL_CA_BUNDLE once switched verification off."""
    usual = roots_of(TLSPolicy())
    monkeypatch.setenv(name, "")

    assert roots_of(TLSPolicy()) == usual


@pytest.mark.parametrize("name", module.VARIABLES)
def test_an_environment_that_is_not_trusted_names_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    usual = roots_of(TLSPolicy())
    monkeypatch.setenv(name, "/nowhere")

    assert roots_of(TLSPolicy(trust_env=False)) == usual
    assert roots_of(TLSPolicy()) != usual


@pytest.mark.parametrize("named", [("SSL_CERT_FILE",), ("SSL_CERT_DIR",), ("SSL_CERT_FILE", "SSL_CERT_DIR")])
def test_file_and_folder_are_openssl_s_own_unless_named(
    monkeypatch: pytest.MonkeyPatch, openssl: tuple[Path, Path], named: tuple[str, ...]
) -> None:
    file, folder = openssl
    file.touch()
    for name in named:
        monkeypatch.setenv(name, f"/of/{name}")
    roots = roots_of(TLSPolicy())

    assert roots.file == ("/of/SSL_CERT_FILE" if "SSL_CERT_FILE" in named else str(file))
    assert roots.folder == ("/of/SSL_CERT_DIR" if "SSL_CERT_DIR" in named else str(folder))
    assert asked(roots) == [roots.file, roots.folder]
    assert all(f"{name}=/of/{name}" in roots.told for name in named)


# What the system has


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
def test_each_system_keeps_its_roots_somewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, openssl: tuple[Path, Path], platform: str
) -> None:
    """A folder is of use to OpenSSL where files are named by their hashes."""
    hashed, plain = tmp_path / "hashed", tmp_path / "plain"
    for path, name in ((hashed, "0a1b2c3d.0"), (plain, "ca-certificates.crt")):
        path.mkdir()
        (path / name).touch()
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(module, "_truststore", lambda: None)
    monkeypatch.setattr(module, "HASHED_FOLDERS", (str(tmp_path / "none"), str(plain), str(hashed)))

    assert asked(roots_of(TLSPolicy())) == (["the system"] if platform == "win32" else [str(hashed)])


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
def test_the_system_is_asked_itself_where_truststore_can(
    monkeypatch: pytest.MonkeyPatch, openssl: tuple[Path, Path], platform: str
) -> None:
    kind = type("Judge", (Noting,), {})
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "truststore", SimpleNamespace(SSLContext=kind))
    module._truststore.cache_clear()
    try:
        assert module.judging_context() is (None if platform == "linux" else kind)
        if platform != "linux":
            assert roots_of(TLSPolicy()) == Roots("the system's roots", store=True)
            assert asked(roots_of(TLSPolicy())) == []
    finally:
        module._truststore.cache_clear()


def test_truststore_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "truststore", None)
    module._truststore.cache_clear()
    try:
        assert module.judging_context() is None
    finally:
        module._truststore.cache_clear()


def test_truststore_is_not_met_before_it_is_needed() -> None:
    code = "import sys, courser, courser.tls.context; assert 'truststore' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("roots", "paths"),
    [
        (Roots("x", file="/a.pem"), ["/a.pem"]),
        (Roots("x", folder=os.pathsep.join(["/a", "/b"])), ["/a", "/b"]),
        (Roots("x", file="/a.pem", folder="/a"), ["/a.pem", "/a"]),
        (Roots("x", data="PEM"), []),
        (Roots("x", store=True), []),
    ],
)
def test_where_they_are(roots: Roots, paths: list[str]) -> None:
    assert roots.paths == paths


@pytest.mark.parametrize("present", [False, True])
def test_else_they_are_where_openssl_was_built_to_look(openssl: tuple[Path, Path], present: bool) -> None:
    file, folder = openssl
    if present:
        file.touch()
    roots = roots_of(TLSPolicy())

    assert asked(roots) == ([str(file), str(folder)] if present else [str(folder)])
    assert roots.told == f"the system's roots in {file if present else folder}"
