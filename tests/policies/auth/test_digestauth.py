"""The flow of Digest authentication: when it asks, what it keeps, and for whom."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any

import pytest
from driving import Answers, drive

from courser.errors import BodyNotReplayable, InvalidRequest
from courser.policies.auth import digestauth
from courser.policies.auth.challenges import parse_challenges
from courser.policies.auth.digestauth import DigestAuth
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/path"
OK = Response(200)


def asking(nonce: str = "n", *, more: str = "", qop: str = "auth") -> Response:
    value = f'Digest realm="r", nonce="{nonce}", qop="{qop}", algorithm=SHA-256{more}'
    return Response(401, headers={"WWW-Authenticate": value})


def pleased(nonce: str) -> Response:
    return Response(200, headers={"Authentication-Info": f'nextnonce="{nonce}"'})


def get(auth: DigestAuth, server: Answers, url: str = HERE) -> Any:
    return drive(auth.flow(Request("GET", url)), server)


def told(server: Answers) -> list[tuple[str, str] | None]:
    """The nonce and the count of each request, None for those without credentials."""
    return [None if value is None else nonce_of(value) for value in server.shown]


def nonce_of(value: str) -> tuple[str, str]:
    parameters = parse_challenges(value)[0].parameters
    return parameters["nonce"], parameters["nc"].lstrip("0")


def test_it_asks_answers_and_remembers() -> None:
    auth, server = DigestAuth("u", "p"), Answers(asking(), OK)

    for _ in range(3):
        assert get(auth, server).status_code == 200

    assert told(server) == [None, ("n", "1"), ("n", "2"), ("n", "3")]


def test_what_is_not_asked_is_not_answered() -> None:
    auth, server = DigestAuth("u", "p"), Answers(OK)

    assert get(auth, server) is OK
    assert told(server) == [None]


@pytest.mark.parametrize(
    "answer",
    [
        Response(401),
        Response(401, headers={"WWW-Authenticate": "Basic realm=a"}),
        Response(403, headers={"WWW-Authenticate": "Digest realm=a, nonce=b"}),
        Response(401, headers={"WWW-Authenticate": "Digest realm=a, nonce=b, algorithm=unheard"}),
    ],
)
def test_what_cannot_be_answered_is_given_back(answer: Response) -> None:
    server = Answers(answer)

    assert get(DigestAuth("u", "p"), server) is answer
    assert told(server) == [None]


def test_wrong_credentials_are_shown_once_in_a_call_and_not_kept() -> None:
    """Servers count failures, and lock people out."""
    auth, server = DigestAuth("u", "p"), Answers(asking("1"), asking("2"), asking("3"), asking("4"))

    for _ in range(2):
        assert get(auth, server).status_code == 401

    assert told(server) == [None, ("1", "1"), None, ("3", "1")]


def test_a_stale_nonce_is_no_wrong_password() -> None:
    auth = DigestAuth("u", "p")
    server = Answers(asking("1"), OK, asking("2", more=", stale=true"), asking("3", more=", stale=true"), OK)

    assert [get(auth, server).status_code for _ in range(2)] == [200, 200]
    assert told(server) == [None, ("1", "1"), ("1", "2"), ("2", "1"), ("3", "1")]


def test_a_nonce_that_the_server_has_forgotten_is_replaced() -> None:
    auth, server = DigestAuth("u", "p"), Answers(asking("1"), OK, asking("2"), OK)

    assert [get(auth, server).status_code for _ in range(2)] == [200, 200]
    assert told(server) == [None, ("1", "1"), ("1", "2"), ("2", "1")]


def test_a_server_that_finds_everything_stale_is_given_up() -> None:
    server = Answers(asking("1", more=", stale=true"))

    assert get(DigestAuth("u", "p"), server).status_code == 401
    assert len(server.asked) == 1 + digestauth.ROUNDS


def test_the_next_nonce_is_taken_from_the_answer() -> None:
    auth, server = DigestAuth("u", "p"), Answers(asking("1"), pleased("2"), OK, pleased("2"), OK)

    for _ in range(4):
        get(auth, server)

    assert told(server) == [None, ("1", "1"), ("2", "1"), ("2", "2"), ("2", "3")]


def test_a_next_nonce_that_nobody_has_asked_for_is_nothing() -> None:
    auth, server = DigestAuth("u", "p"), Answers(pleased("2"), OK)

    for _ in range(2):
        get(auth, server)

    assert told(server) == [None, None]


# Where


@pytest.mark.parametrize("other", ["https://a.example/path", "http://a.example:81/path", "http://b.example/path"])
def test_what_one_origin_asked_no_other_is_told(other: str) -> None:
    """CVE-2026-15806, CVE-2026-11856, CVE-2026-54276: what was learnt is kept by scheme, host and port."""
    auth, server = DigestAuth("u", "p"), Answers(asking(more=f', domain="/ {other}"'), OK)

    get(auth, server)
    get(auth, server, other)

    assert told(server) == [None, ("n", "1"), None]


@pytest.mark.parametrize(
    ("domain", "path", "at_once"),
    [
        ("", "/x", True),
        (" ", "/x", True),
        ("/", "/x", True),
        ("/in", "/in/x?q", True),
        ("/out /in", "/in", True),
        ("/in", "/out", False),
        ("in", "/in", True),
        ("http://a.example/in", "/in", True),
        ("http://b.example/in", "/in", False),
        ("http://[ /in", "/in", True),
        ("ftp://a.example/in", "/in", False),
    ],
)
def test_the_domain_says_which_paths_are_meant(domain: str, path: str, at_once: bool) -> None:
    auth, server = DigestAuth("u", "p"), Answers(asking(more=f', domain="{domain}"'), OK)

    get(auth, server)
    get(auth, server, f"http://a.example{path}")

    assert told(server) == [None, ("n", "1"), ("n", "2") if at_once else None]


def test_the_origins_that_are_kept_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digestauth, "ORIGINS_KEPT", 2)
    auth = DigestAuth("u", "p")
    for number in range(3):
        get(auth, Answers(asking(), OK), f"http://a.example:{number + 1}/")

    servers = [Answers(OK) for _ in range(3)]
    for number, server in enumerate(servers):
        get(auth, server, f"http://a.example:{number + 1}/")

    assert [told(server) for server in servers] == [[None], [("n", "2")], [("n", "2")]]


def test_the_target_is_told_as_it_is_sent() -> None:
    server = Answers(asking(), OK)

    get(DigestAuth("u", "p"), server, "http://a.example/a%2Fb?q=%22 x")

    assert parse_challenges(server.shown[1] or "")[0].parameters["uri"] == "/a%2Fb?q=%22%20x"


# Bodies


def post(auth: DigestAuth, server: Answers, **parts: Any) -> Any:
    return drive(auth.flow(Request("POST", HERE, **parts)), server)


def once() -> Iterator[bytes]:
    yield b"body"


async def later() -> AsyncIterator[bytes]:
    yield b"body"


class Later:
    def __aiter__(self) -> AsyncIterator[bytes]:
        return later()


@pytest.mark.parametrize("content", [once, later])
def test_a_body_that_runs_once_is_not_sent_again(content: Any) -> None:
    server = Answers(asking(), OK)

    with pytest.raises(BodyNotReplayable, match="GET first") as caught:
        post(DigestAuth("u", "p"), server, content=content())

    assert len(server.asked) == 1
    assert caught.value.request is not None


def test_a_body_that_runs_once_goes_with_what_is_known() -> None:
    auth, server = DigestAuth("u", "p"), Answers(asking(), OK)

    get(auth, server)
    post(auth, server, content=once())

    assert told(server) == [None, ("n", "1"), ("n", "2")]


BODIES: dict[str, Any] = {
    "bytes": {"content": b"body"},
    "a file": {"content": BytesIO(b"body")},
    "a list": {"content": [b"bo", b"dy"]},
    "nothing": {},
}


@pytest.mark.parametrize("kind", BODIES)
def test_auth_int_reads_the_body_before_it_is_sent(kind: str) -> None:
    server = Answers(asking(qop="auth-int"), OK)

    assert post(DigestAuth("u", "p"), server, **BODIES[kind]) is OK
    assert parse_challenges(server.shown[1] or "")[0].parameters["qop"] == "auth-int"


def test_auth_int_of_different_bodies_differs() -> None:
    responses = set()
    for body in (b"a", b"b", None):
        server = Answers(asking(qop="auth-int"), OK)
        auth = DigestAuth("u", "p")
        post(auth, server, content=body)
        responses.add(parse_challenges(server.shown[1] or "")[0].parameters["response"])

    assert len(responses) == 3


def test_auth_int_of_a_stream_is_refused_before_it_is_sent() -> None:
    auth, server = DigestAuth("u", "p"), Answers(asking(qop="auth-int"), OK)
    get(auth, server)

    for content in (once(), Later()):
        with pytest.raises(InvalidRequest, match="auth-int") as caught:
            post(auth, server, content=content)
        assert caught.value.request is not None

    assert len(server.asked) == 2


def test_streams_go_with_auth_where_it_is_offered_too() -> None:
    auth, server = DigestAuth("u", "p"), Answers(asking(qop="auth-int, auth"), OK)
    get(auth, server)

    assert post(auth, server, content=once()) is OK


def test_a_body_that_nobody_has_asked_for_is_whole_yet() -> None:
    """Expect: 100-continue: a server may challenge before the body is sent."""
    server = Answers(asking(), OK)
    answers = iter([asking(), OK])

    def before(request: Request) -> Response:
        server.asked.append(request)
        return next(answers)

    request = Request("POST", HERE, content=once())

    assert drive(DigestAuth("u", "p").flow(request), before) is OK
    assert len(server.asked) == 2


# The object


@pytest.mark.parametrize("pair", [("u\n", "p"), ("u", "p\r")])
def test_control_characters_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        DigestAuth(*pair)


def test_it_shows_nothing_and_leaves_what_it_knows_behind() -> None:
    auth, server = DigestAuth("user", "secret"), Answers(asking(), OK)
    get(auth, server)

    assert repr(auth) == "DigestAuth(***)"
    assert auth.credentials == (b"user", b"secret")
    for other in (pickle.loads(pickle.dumps(auth)), copy.copy(auth)):
        fresh = Answers(asking("m"), OK)
        get(other, fresh)
        assert told(fresh) == [None, ("m", "1")]
