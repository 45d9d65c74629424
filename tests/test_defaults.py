"""What a client is made with is checked when it is made."""

from __future__ import annotations

import inspect
import ssl
from typing import Any

import pytest

from courser import defaults
from courser.core.mounts import Mounts
from courser.core.route import TLSPolicy
from courser.defaults import (
    NO_PARAMS,
    ORDINARY,
    ClientOptions,
    LazyContexts,
    check_options,
    checked_codec,
    checked_count,
    checked_follow,
    checked_limit,
    checked_mounts,
    checked_names,
    default_headers,
    detours,
    protocols,
    resolve_late,
    source_address,
)
from courser.errors import CertificateError, InvalidRequest
from courser.settings import DIRECT
from courser.values.url import URL


class Answering:
    def send(self, request: Any, deadline: float) -> Any:
        raise AssertionError("nobody asks")


class Connecting:
    def connect(self, route: Any, deadline: float) -> Any:
        raise AssertionError("nobody connects")


def test_every_option_is_described() -> None:
    text = inspect.getdoc(ClientOptions)
    assert text is not None
    for name in ClientOptions.__annotations__:
        assert f"\n    {name}: " in text, name


@pytest.mark.parametrize(
    ("name", "near"),
    [("base_ulr", "base_url"), ("follow_redirect", "follow_redirects"), ("header", "headers"), ("timeouts", "timeout")],
)
def test_a_misspelt_option_is_told_with_what_was_meant(name: str, near: str) -> None:
    wrong: Any = {name: 1}
    with pytest.raises(TypeError, match=rf"a client has no option '{name}'; did you mean '{near}'\?"):
        check_options(wrong)


def test_an_option_like_no_other_is_told() -> None:
    wrong: Any = {"zzz": 1}
    with pytest.raises(TypeError, match=r"a client has no option 'zzz'$"):
        check_options(wrong)


GOOD: list[tuple[str, Any]] = [
    ("limits", defaults.DEFAULT_LIMITS),
    ("middleware", [len]),
    ("mounts", {"all://": Answering()}),
    ("network", Connecting()),
    ("transport", Answering()),
    ("resolver", len),
    ("uds", "/run/x"),
    ("socket_options", [(6, 1, 1)]),
    ("default_encoding", "latin-1"),
    ("default_encoding", len),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_options_of_the_right_kind_pass(name: str, value: Any) -> None:
    given: Any = {name: value}
    check_options(given)
    check_options({name: None})  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted({name for name, _ in GOOD}))
def test_options_of_another_kind_are_refused(name: str) -> None:
    given: Any = {name: 5}
    with pytest.raises(TypeError, match=f"^{name} is an? .*, not 5$|^{name} is the .*, not 5$"):
        check_options(given)


def test_a_json_codec_is_looked_at_when_there_is_one() -> None:
    assert checked_codec(None) is None
    assert checked_codec((len, str)) == (len, str)
    with pytest.raises(TypeError, match="json_codec has loads and dumps"):
        checked_codec("orjson")


def test_tls_contexts_are_met_late() -> None:
    policy = TLSPolicy(verify=False, ciphers="ECDHE+AESGCM")
    contexts = LazyContexts()

    built = contexts.build(policy, ())

    assert isinstance(built, ssl.SSLContext)
    assert contexts.get(policy, ()) is built
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = 10, "certificate has expired"
    assert isinstance(contexts.refusal(policy, "a.example", error, None), CertificateError)
    with pytest.raises(CertificateError, match=r"a\.example: its certificate is not known"):
        contexts.check(TLSPolicy(fingerprints=(bytes(32),)), "a.example", None)


def test_the_resolver_is_met_late() -> None:
    assert resolve_late("127.0.0.1", 80)


def test_counts() -> None:
    assert checked_count("hops", 0) == 0
    assert checked_limit("bytes", 5) == 5
    assert checked_limit("bytes", None) is None
    with pytest.raises(ValueError, match="hops is -1: it must not be below 0"):
        checked_count("hops", -1)


@pytest.mark.parametrize("given", ["5", 1.5, True, None])
def test_a_count_is_a_whole_number(given: Any) -> None:
    with pytest.raises(TypeError, match="hops is a whole number, not"):
        checked_count("hops", given)


def test_names_of_headers() -> None:
    assert checked_names(["X-Key", "x-key", "Y"]) == {"x-key", "y"}


@pytest.mark.parametrize("given", ["X-Key", b"X", 5])
def test_one_name_is_no_set_of_names(given: Any) -> None:
    with pytest.raises(TypeError, match="sensitive_headers is an iterable of names"):
        checked_names(given)


def test_source_addresses() -> None:
    assert source_address(None) is None
    assert source_address("127.0.0.1") == ("127.0.0.1", 0)
    assert source_address(("127.0.0.1", 5)) == ("127.0.0.1", 5)
    with pytest.raises(TypeError, match=r"local_address is an address or \(address, port\), not 5"):
        source_address(5)


def test_mounts() -> None:
    first, second = Answering(), Answering()
    assert checked_mounts(None, None) is None
    assert checked_mounts(None, {}) is None

    mounts = checked_mounts(first, {"http://b.example": second, "http://c.example": None})

    assert isinstance(mounts, Mounts)
    found = [mounts.find(URL(f"http://{host}.example/")) for host in "abc"]
    assert found == [first, second, None]


def test_mounts_without_transports_are_none() -> None:
    assert checked_mounts(None, {"http://a.example": None, "http://b.example": "http://proxy.example"}) is None


def test_a_mount_leads_to_a_transport_or_a_proxy() -> None:
    wrong: Any = {"all://": 5}
    with pytest.raises(InvalidRequest, match="'all://' leads to a value of type int, which has no method send"):
        detours({"mounts": wrong})


@pytest.mark.parametrize(
    ("options", "hops"),
    [
        ({}, ["http://e:1"]),
        ({"trust_env": True}, ["http://e:1"]),
        ({"trust_env": False}, []),
        ({"uds": "/run/x"}, []),
        ({"network": Connecting()}, []),
        ({"uds": None, "network": None}, ["http://e:1"]),
        ({"proxy": "http://p:1", "uds": "/run/x"}, ["http://p:1"]),
        ({"mounts": {"http://a": None}}, []),
        ({"mounts": {"http://b": None}}, ["http://e:1"]),
        ({"proxy": DIRECT}, []),
    ],
)
def test_who_says_which_proxy(monkeypatch: pytest.MonkeyPatch, options: Any, hops: list[str]) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://e:1")

    assert [hop.url for hop in detours(options).hops(URL("http://a"), None)] == hops


def test_default_headers() -> None:
    one, other = default_headers(), default_headers()

    assert {name.lower() for name in one} == ORDINARY
    assert one["user-agent"].startswith("courser/")
    assert one.encode() is other.encode()
    one["X"] = "1"
    assert "x" not in other
    assert len(NO_PARAMS) == 0


@pytest.mark.parametrize("follow", [True, False, print, lambda response, following: True])
def test_what_may_be_said_of_following(follow: Any) -> None:
    assert checked_follow(follow) is follow


@pytest.mark.parametrize("follow", [None, 0, 1, 20, "no", int, ()])
def test_what_may_not_be_said_of_following(follow: Any) -> None:
    with pytest.raises(TypeError, match="follow_redirects is True, False or a function"):
        checked_follow(follow)


@pytest.mark.parametrize(
    ("options", "spoken"),
    [
        ({}, ("h2", "http/1.1")),
        ({"http1": True, "http2": True}, ("h2", "http/1.1")),
        ({"http2": False}, ("http/1.1",)),
        ({"http1": False}, ("h2",)),
    ],
)
def test_what_a_client_speaks(options: ClientOptions, spoken: tuple[str, ...]) -> None:
    check_options(options)

    assert protocols(options) == spoken


def test_a_client_speaks_something() -> None:
    with pytest.raises(ValueError, match="http1 and http2 are both False"):
        protocols({"http1": False, "http2": False})


@pytest.mark.parametrize("name", ["http1", "http2"])
def test_what_it_speaks_is_said_by_yes_or_no(name: str) -> None:
    wrong: Any = {name: "only"}
    with pytest.raises(TypeError, match=f"{name} is True or False, not 'only'"):
        check_options(wrong)
