"""Credentials from a netrc file: whose, and when nobody's."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import Answers, drive

from courser.errors import InvalidRequest
from courser.policies.auth.basic import BasicAuth
from courser.policies.auth.netrcauth import NetrcAuth, read_netrc
from courser.values.request import Request
from courser.values.response import Response
from courser.values.url import URL

TEXT = """
machine a.example login user password secret
machine "[::1]" login six password p
machine token.example login key
machine only.example password alone
machine none.example
default login anonymous password guest
"""


def basic(user: str, password: str) -> str:
    return BasicAuth(user, password).authorization(URL("http://x/"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "netrc"
    path.write_text(TEXT)
    return path


def shown(auth: NetrcAuth, url: str) -> str | None:
    """What a request to a URL carries."""
    server = Answers(Response(200))
    drive(auth.flow(Request("GET", url)), server)
    return server.shown[0]


HOSTS = {
    "http://a.example/": ("user", "secret"),
    "https://a.example:8443/x": ("user", "secret"),
    "http://A.EXAMPLE/": ("user", "secret"),
    "http://[::1]/": ("six", "p"),
    "http://token.example/": ("key", ""),
    "http://only.example/": ("", "alone"),
    "http://none.example/": None,
}


@pytest.mark.parametrize("url", HOSTS)
def test_a_host_has_its_own(file: Path, url: str) -> None:
    """An entry without a password is none that the default one completes (CVE-2024-11053, CVE-2025-0167)."""
    pair = HOSTS[url]

    assert shown(NetrcAuth(file), url) == (None if pair is None else basic(*pair))
    assert shown(NetrcAuth.unasked(str(file)), url) == (None if pair is None else basic(*pair))


OTHERS = ["http://b.example/", "http://www.a.example/", "http://example/", "http://xa.example/", "http://a.example./"]


@pytest.mark.parametrize("url", OTHERS)
def test_other_hosts_have_the_default_where_it_was_asked_for(file: Path, url: str) -> None:
    assert shown(NetrcAuth(file), url) == basic("anonymous", "guest")
    assert shown(NetrcAuth.unasked(str(file)), url) is None


def test_the_host_is_the_one_that_is_connected_to(file: Path) -> None:
    """CVE-2024-47081: what stands before the @ of a URL is no host."""
    auth = NetrcAuth.unasked(str(file))

    assert shown(auth, "http://b.example:80/a.example") is None
    request = Request("GET", "http://a.example:x@b.example/")
    del request.headers["Authorization"]
    server = Answers(Response(200))
    drive(auth.flow(request), server)
    assert server.shown == [None]


def test_the_file_is_read_once(file: Path) -> None:
    auth = NetrcAuth(file)
    assert not auth.is_read
    assert auth.authorization(URL("http://a.example/")) is None

    shown(auth, "http://b.example/")
    file.write_text("machine a.example login other password other")

    assert auth.is_read
    assert auth.authorization(URL("http://a.example/")) == basic("user", "secret")


def test_the_file_that_the_environment_names(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(file))

    assert shown(NetrcAuth(), "http://a.example/") == basic("user", "secret")


def test_without_a_file_there_are_no_credentials() -> None:
    auth = NetrcAuth()

    assert shown(auth, "http://a.example/") is None
    assert auth.is_empty


BROKEN = ["machine", "secret", "machine a.example login secret:x password p", "machine a.example secret"]


@pytest.mark.parametrize("text", BROKEN)
def test_a_file_without_a_meaning_is_an_error_to_who_has_named_it(file: Path, text: str) -> None:
    file.write_text(text)

    with pytest.raises(InvalidRequest, match=str(file)) as caught:
        shown(NetrcAuth(file), "http://a.example/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", BROKEN)
def test_a_file_without_a_meaning_is_nothing_to_who_has_not(file: Path, text: str) -> None:
    file.write_text(text)
    auth = NetrcAuth.unasked(str(file))

    assert shown(auth, "http://a.example/") is None
    assert auth.is_empty


def test_what_cannot_be_sent_takes_nothing_else_along(file: Path) -> None:
    file.write_text("machine a.example login x:y password p\nmachine b.example login u password p\n")

    auth = NetrcAuth.unasked(str(file))

    assert shown(auth, "http://a.example/") is None
    assert shown(auth, "http://b.example/") == basic("u", "p")
    assert not auth.is_empty


def test_it_shows_nothing(file: Path) -> None:
    auth = NetrcAuth(file)
    shown(auth, "http://a.example/")

    assert repr(auth) == f"NetrcAuth({str(file)!r})"
    assert repr(NetrcAuth()) == "NetrcAuth()"


# The file


def test_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "netrc"
    file.write_text(
        "# a comment\n"
        "machine A.example\n\tlogin user # another\n\taccount x\n\tpassword 'p#\n"
        'machine b.example user "us er" password "a\\"b"\n'
        "macdef init\ncd /\n\n"
        "machine [::1] login u password p\n"
        "machine a.example login later password later\n"
        "default login d password e\n"
    )
    file.chmod(0o666)

    assert read_netrc(str(file)) == {
        "a.example": ("later", "later"),
        "b.example": ("us er", 'a"b'),
        "::1": ("u", "p"),
        "default": ("d", "e"),
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"secret", "line 1 is not understood"),
        (b"machine a.example\n secret", "line 2 is not understood"),
        (b"machine", "line 1 is not understood"),
    ],
)
def test_what_has_no_meaning(tmp_path: Path, text: bytes, reason: str) -> None:
    file = tmp_path / "netrc"
    file.write_bytes(text)

    with pytest.raises(InvalidRequest) as caught:
        read_netrc(str(file))
    assert str(caught.value).endswith(f"the netrc file {file} cannot be used: {reason}")


def test_what_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def netrc(file: str) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")

    monkeypatch.setattr("netrc.netrc", netrc)
    with pytest.raises(InvalidRequest, match="it is not text"):
        read_netrc("x")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"No such file|Is a directory|denied"):
        read_netrc(str(tmp_path / name))
