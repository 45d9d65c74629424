"""Whose credentials a call carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import Answers, drive

from courser.errors import InvalidRequest
from courser.policies import credentials as module
from courser.policies.auth.basic import BasicAuth
from courser.policies.auth.bearer import BearerAuth
from courser.policies.auth.netrcauth import NetrcAuth
from courser.policies.credentials import Credentials, find_netrc
from courser.policies.redirect import Estranged
from courser.settings import DEFAULT
from courser.values.headers import Headers
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"
BASIC = "Basic dTpw"
NOTHING = Headers()


def shown(
    credentials: Credentials, request: Request, headers: Headers = NOTHING, trusted: bool = True, **options: Any
) -> str | None:
    """What a call carries."""
    made, layer = credentials.show(request, options, headers, trusted)  # type: ignore[arg-type]
    if layer is not None:
        server = Answers(Response(200))
        drive(layer(made), server)
        return server.shown[0]
    return made.headers.get("authorization")


def get(**headers: str) -> Request:
    return Request("GET", HERE, headers=headers)


# The client's and the call's


def test_the_call_comes_first_then_the_client() -> None:
    client = Credentials(("u", "p"), False)

    assert shown(client, get()) == BASIC
    assert shown(client, get(), auth=DEFAULT) == BASIC
    assert shown(client, get(), auth=BearerAuth("t")) == "Bearer t"
    assert shown(client, get(), auth=None) is None
    assert shown(client, get(authorization="own")) == "own"
    assert shown(client, get(authorization="own"), auth=None) == "own"
    client.replace(BearerAuth("new"))
    assert shown(client, get()) == "Bearer new"
    client.replace(None)
    assert shown(client, get()) is None


def test_what_is_the_client_s_own_stays_where_it_is_trusted() -> None:
    client = Credentials(("u", "p"), False)

    assert shown(client, get(), trusted=False) is None
    assert shown(client, get(), trusted=False, auth=("u", "p")) == BASIC


def test_a_header_of_the_client_is_no_word_of_the_call() -> None:
    client, headers = Credentials(("u", "p"), False), Headers({"Authorization": "default"})

    assert shown(client, get(authorization="default"), headers) == BASIC
    assert shown(client, get(authorization="default"), headers, auth=BearerAuth("t")) == "Bearer t"
    assert shown(client, get(authorization="own"), headers) == "own"


def test_two_words_of_the_call_are_one_too_many() -> None:
    client = Credentials(None, False)

    with pytest.raises(InvalidRequest, match="auth= was given") as caught:
        shown(client, get(authorization="own"), auth=("u", "p"))
    assert caught.value.request is not None
    with pytest.raises(InvalidRequest, match="user name in the URL"):
        shown(client, Request("GET", "http://a:b@a.example/"), auth=("u", "p"))


def test_what_was_redirected_elsewhere_carries_what_its_call_says_only() -> None:
    client = Credentials(("u", "p"), False)

    assert shown(client, Estranged("GET", HERE)) is None
    assert shown(client, Estranged("GET", HERE), auth=("u", "p")) == BASIC


@pytest.mark.parametrize("auth", ["text", 5])
def test_other_things_are_refused(auth: Any) -> None:
    with pytest.raises(TypeError, match="auth is"):
        Credentials(auth, True)
    with pytest.raises(TypeError, match="auth is"):
        shown(Credentials(None, True), get(), auth=auth)


# The environment's


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "netrc"
    file.write_text("machine a.example login u password p")
    monkeypatch.setenv("NETRC", str(file))
    return file


def test_netrc_is_asked_last(netrc: Path) -> None:
    client = Credentials(None, True)

    for _ in range(2):
        assert shown(client, get()) == BASIC
        assert shown(client, get(), trusted=False) == BASIC
        assert shown(client, get(), auth=None) is None
        assert shown(client, get(authorization="own")) == "own"
        assert shown(client, get(authorization="default"), Headers({"Authorization": "default"})) == "default"
        assert shown(client, Estranged("GET", HERE)) is None
    assert shown(Credentials(("a", "b"), True), get()) == "Basic YTpi"
    assert shown(Credentials(None, False), get()) is None
    client.replace(BasicAuth("a", "b"))
    assert shown(client, get()) == "Basic YTpi"


def test_without_a_file_nobody_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)

    monkeypatch.setattr(module, "find_netrc", look)
    client = Credentials(None, True)
    for _ in range(3):
        shown(client, get())

    assert looks == [1]
    assert client.ambient is None


def test_an_empty_file_is_forgotten(netrc: Path) -> None:
    netrc.write_text("default login u password p")
    client = Credentials(None, True)

    shown(client, get())
    assert isinstance(client.ambient, NetrcAuth)
    shown(client, get())
    assert client.ambient is None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def test_it_is_in_the_home_folder(home: Path) -> None:
    assert find_netrc() is None
    (home / "_netrc").touch()
    assert find_netrc() == str(home / "_netrc")
    (home / ".netrc").touch()
    assert find_netrc() == str(home / ".netrc")


def test_a_variable_names_another_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".netrc").touch()
    (home / "other").touch()

    monkeypatch.setenv("NETRC", str(home / "other"))
    assert find_netrc() == str(home / "other")
    monkeypatch.setenv("NETRC", "~/other")
    assert find_netrc() == str(home / "other")


@pytest.mark.parametrize("name", ["", "/dev/null", "nowhere", "."])
def test_a_variable_can_name_none(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (home / ".netrc").touch()
    monkeypatch.setenv("NETRC", name)

    assert find_netrc() is None
