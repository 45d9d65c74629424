"""Who a client says it is: to whom, how often, and never to anybody else."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from doorkeeper import Doorkeeper
from faultserver import FaultServer, Peer, Received, answering, reply, silent
from worlds import World

import courser
from courser import BasicAuth, BearerAuth, Call, DigestAuth, NetrcAuth, OAuth2ClientCredentials, Read, Request, Send

Serve = Callable[..., FaultServer]

BASIC = "Basic dTpw"


def whoami(request: Received) -> bytes:
    """Tell what was shown."""
    return reply((request.get("authorization") or "nobody").encode())


async def told(client: Any, url: str, **options: Any) -> str:
    response = await client.get(url, **options)
    return response.text


def wear(client: Any, auth: Any) -> None:
    """Give a client other credentials."""
    getattr(client, "wrapped", client).auth = auth


# Which credentials


async def test_a_request_and_a_client_can_be_given_credentials(world: World, serve: Serve) -> None:
    url = serve(answering(whoami)).url()
    client = world.client(auth=("u", "p"))

    assert await told(client, url) == BASIC
    assert await told(client, url, auth=BearerAuth("t")) == "Bearer t"
    assert await told(client, url, auth=BearerAuth(lambda: "called")) == "Bearer called"
    assert await told(client, url, auth=courser.DEFAULT) == BASIC
    assert await told(client, url, auth=None) == "nobody"
    assert (await client.send(client.build_request("GET", url))).text == BASIC
    assert (await client.send(client.build_request("GET", url), auth=("a", "b"))).text == "Basic YTpi"
    assert (await client.send(client.build_request("GET", url), auth=None)).text == "nobody"

    wear(client, BearerAuth("new"))
    assert await told(client, url) == "Bearer new"
    wear(client, None)
    assert await told(client, url) == "nobody"


async def test_a_request_that_brings_its_own_is_left_alone(world: World, serve: Serve) -> None:
    server = serve(answering(whoami))
    client = world.client(auth=("u", "p"))

    assert await told(client, server.url(), headers={"authorization": "own"}) == "own"
    assert await told(client, server.url(host="a:b@127.0.0.1")) == "Basic YTpi"
    request = client.build_request("GET", server.url())
    request.headers["Authorization"] = "own"
    assert (await client.send(request)).text == "own"


async def test_two_sets_of_credentials_for_one_request_are_refused(world: World, serve: Serve) -> None:
    server = serve(answering(whoami))
    client = world.client()

    with pytest.raises(courser.InvalidRequest, match="auth= was given, and the header Authorization"):
        await client.get(server.url(), auth=("u", "p"), headers={"Authorization": "own"})
    with pytest.raises(courser.InvalidRequest, match="a user name in the URL"):
        await client.get(server.url(host="a:b@127.0.0.1"), auth=DigestAuth("u", "p"))
    assert await told(client, server.url(), auth=None, headers={"Authorization": "own"}) == "own"
    assert server.connections == 1


async def test_what_a_request_is_given_replaces_the_header_of_its_client(world: World, serve: Serve) -> None:
    url = serve(answering(whoami)).url()
    client = world.client(headers={"Authorization": "of the client"})

    assert await told(client, url) == "of the client"
    assert await told(client, url, auth=("u", "p")) == BASIC
    assert (await client.send(client.build_request("GET", url), auth=("u", "p"))).text == BASIC
    wear(client, ("u", "p"))
    assert await told(client, url) == BASIC


async def test_a_request_that_is_sent_is_not_changed(world: World, serve: Serve) -> None:
    server = serve(answering(whoami))
    client = world.client()
    request = client.build_request("GET", server.url())

    for _ in range(2):
        assert (await client.send(request, auth=("u", "p"))).text == BASIC
        assert (await client.send(request)).text == "nobody"
    assert "authorization" not in request.headers


async def test_credentials_of_a_client_with_a_base_url_stay_there(world: World, serve: Serve) -> None:
    """CVE-2025-27152 (axios): an absolute URL does not take them along."""
    server, other = serve(answering(whoami)), serve(answering(whoami))
    for auth in (("u", "p"), flow_of("u")):
        client = world.client(base_url=server.url(), auth=auth)

        assert await told(client, "/x") != "nobody"
        assert await told(client, other.url()) == "nobody"
        assert await told(client, other.url(), auth=("u", "p")) == BASIC


def flow_of(name: str) -> Callable[[Request], Any]:
    """A flow of a user's."""

    def flow(request: Request) -> Any:
        request.headers["Authorization"] = f"Flow {name}"
        request.headers["X-Secret"] = name
        return (yield request)

    return flow


# Digest

KINDS: dict[str, dict[str, Any]] = {
    "MD5": {"algorithm": "MD5"},
    "MD5-sess": {"algorithm": "MD5-sess"},
    "SHA-256": {},
    "SHA-256-sess": {"algorithm": "SHA-256-sess"},
    "SHA-512-256": {"algorithm": "SHA-512-256"},
    "SHA-512-256-sess": {"algorithm": "SHA-512-256-sess"},
    "userhash": {"userhash": True},
    "auth-int": {"qop": "auth-int"},
    "auth-int-sess": {"qop": "auth-int", "algorithm": "SHA-256-sess"},
    "both": {"qop": "auth, auth-int"},
    "without qop": {"qop": None},
    "a name that is not ASCII": {"user": "J\xe4s\xf8n Doe", "password": "\u5bc6\u7801"},
    "userhash of such a name": {"user": "J\xe4s\xf8n Doe", "userhash": True},
    "quotes and backslashes": {"user": 'a\\"b', "realm": 'c\\d"', "opaque": '\\"'},
    "other challenges beside it": {"more": ', Basic realm="x", Digest realm="x", nonce="y", algorithm=MD5'},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_digest_lets_in(world: World, serve: Serve, kind: str) -> None:
    options = KINDS[kind]
    if options.get("algorithm", "").startswith("SHA-512") and "sha512_256" not in hashlib.algorithms_available:
        pytest.skip("this OpenSSL lacks SHA-512-256")
    door = Doorkeeper(**options)
    server = serve(answering(door))
    client = world.client(auth=DigestAuth(door.user, door.password))

    for options in ({}, {"params": {"q": 'a b"c'}}):
        assert (await client.get(server.url("/a%2Fb"), **options)).text == "welcome"
    for content in (b"body", [b"bo", b"dy"]) if "auth-int" not in kind else (b"body",):
        assert (await client.post(server.url("/x"), content=content)).text == "welcome"

    assert door.refused == ["anonymous"]
    if "nc" in door.admitted[0]:
        assert [int(each["nc"], 16) for each in door.admitted] == list(range(1, len(door.admitted) + 1))
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_digest_hashes_a_file_before_it_is_sent(world: World, serve: Serve, tmp_path: Path) -> None:
    door = Doorkeeper(qop="auth-int")
    server = serve(answering(door))
    (tmp_path / "file").write_bytes(bytes(300_000))
    client = world.client(auth=DigestAuth(door.user, door.password))

    with (tmp_path / "file").open("rb") as file:
        assert (await client.put(server.url(), content=file)).text == "welcome"

    assert len(server.requests[-1].body) == 300_000


async def test_digest_takes_the_strongest_of_several_fields(world: World, serve: Serve) -> None:
    door = Doorkeeper()

    class Weaker(Doorkeeper):
        def challenges(self, stale: bool = False) -> list[str]:
            return ['WWW-Authenticate: Digest realm="x", nonce="y", algorithm=MD5', *super().challenges(stale)]

    door = Weaker()
    client = world.client(auth=DigestAuth(door.user, door.password))

    assert (await client.get(serve(answering(door)).url())).text == "welcome"


async def test_a_wrong_password_is_shown_once(world: World, serve: Serve) -> None:
    door = Doorkeeper()
    client = world.client(auth=DigestAuth(door.user, "wrong"))

    response = await client.get(serve(answering(door)).url())

    assert (response.status_code, response.text) == (401, "who are you?")
    assert door.refused == ["anonymous", "wrong"]
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("announce", [False, True], ids=["stale", "nextnonce"])
async def test_nonces_that_are_used_up_are_replaced(world: World, serve: Serve, announce: bool) -> None:
    door = Doorkeeper(uses=2, announce=announce)
    server = serve(answering(door))
    client = world.client(auth=DigestAuth(door.user, door.password))

    for _ in range(5):
        assert (await client.get(server.url())).text == "welcome"

    assert door.refused == ["anonymous"] + ([] if announce else ["stale"] * 2)
    assert [each["nc"][-1] for each in door.admitted] == ["1", "2", "1", "2", "1"]


async def test_requests_side_by_side_never_use_a_count_twice(world: World, serve: Serve) -> None:
    door = Doorkeeper()
    server = serve(answering(door))
    client = world.client(auth=DigestAuth(door.user, door.password))
    await client.get(server.url())

    responses = await world.together(*[lambda: client.get(server.url())] * 20)

    assert [response.status_code for response in responses] == [200] * 20
    assert door.refused == ["anonymous"]


def test_threads_never_use_a_count_twice(serve: Serve) -> None:
    door = Doorkeeper()
    server = serve(answering(door))
    with courser.Client(auth=DigestAuth(door.user, door.password)) as client:
        client.get(server.url())

        statuses = in_threads(20, lambda: client.get(server.url()).status_code)

    assert statuses == [200] * 20
    assert door.refused == ["anonymous"]


def in_threads(count: int, call: Callable[[], Any]) -> list[Any]:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


async def test_a_body_that_runs_once_is_not_sent_twice(world: World, serve: Serve) -> None:
    door = Doorkeeper()
    server = serve(answering(door))
    client = world.client(auth=DigestAuth(door.user, door.password))

    def body() -> Iterator[bytes]:
        yield b"body"

    with pytest.raises(courser.BodyNotReplayable, match="Digest"):
        await client.post(server.url(), content=body())
    assert len(server.requests) == 1

    await client.get(server.url())
    assert (await client.post(server.url(), content=body())).text == "welcome"
    assert server.requests[-1].body == b"body"


async def test_streams_are_let_in_too(world: World, serve: Serve) -> None:
    door = Doorkeeper()
    server = serve(answering(door))
    client = world.client()

    async with client.stream("GET", server.url(), auth=DigestAuth(door.user, door.password)) as response:
        assert (response.status_code, await response.read()) == (200, b"welcome")
    assert client.stats() == {"connections": 1, "idle": 1}


# Redirects


def moved(location: Callable[[], str]) -> Callable[[Received], bytes]:
    """Tell what was shown; send away whoever asks for /away."""

    def answer(request: Received) -> bytes:
        return reply(b"", "302 Found", f"Location: {location()}") if "away" in request.target else whoami(request)

    return answer


AUTHS: dict[str, Callable[[], Any]] = {
    "basic": lambda: ("u", "p"),
    "bearer": lambda: BearerAuth("t"),
    "flow": lambda: flow_of("u"),
    "netrc": NetrcAuth,
    "nothing but netrc": lambda: courser.DEFAULT,
    "oauth": lambda: OAuth2ClientCredentials("http://x/", "id", "s", load=lambda: {"access_token": "t"}),
}
IDS = [f"CVE-2014-1829 CVE-2018-20060 CVE-2024-11053 {name}" for name in AUTHS]


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A netrc file for 127.0.0.1, which is the user's own."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login u password p\ndefault login d password e\n")
    monkeypatch.setenv("NETRC", str(file))
    return file


@pytest.mark.parametrize("name", AUTHS, ids=IDS)
async def test_another_origin_is_shown_nothing_nor_is_the_first_one_later(
    world: World, serve: Serve, netrc: Path, name: str
) -> None:
    """CVE-2014-1829, CVE-2018-20060, CVE-2024-11053: whatever shows it, and although netrc has the host."""
    server = serve(answering(moved(lambda: other.url("/away"))))
    other = serve(answering(moved(lambda: server.url("/back"))))

    response = await world.client().get(server.url("/away"), auth=AUTHS[name]())

    assert response.text == "nobody"
    assert server.requests[0].get("authorization") is not None
    for request in (other.requests[0], server.requests[1]):
        assert (request.get("authorization"), request.get("x-secret")) == (None, None)


MOVES = {
    "port CVE-2022-27774 CVE-2026-3783": ("127.0.0.1", False, False),
    "host CVE-2018-1000007 CVE-2022-27776 CVE-2025-14524 CVE-2026-6429": ("localhost", False, False),
    "scheme CVE-2018-18074 CVE-2018-20060 CVE-2026-8926": ("127.0.0.1", True, False),
    "scheme and back CVE-2015-3236 CVE-2026-6253": ("127.0.0.1", True, True),
}


@pytest.mark.parametrize("name", AUTHS)
@pytest.mark.parametrize("move", MOVES)
async def test_each_change_of_origin_is_one(
    world: World, serve: Serve, netrc: Path, authority: Authority, name: str, move: str
) -> None:
    host, downgrade, back = MOVES[move]
    server = serve(
        answering(moved(lambda: other.url("/away" if back else "/", host))), tls=authority.good if downgrade else None
    )
    other = serve(answering(moved(lambda: server.url("/back"))))
    client = world.client(verify=authority.roots)

    response = await client.get(server.url("/away"), auth=AUTHS[name]())

    assert response.text == "nobody"
    for request in [*server.requests[1:], *other.requests]:
        assert (request.get("authorization"), request.get("x-secret")) == (None, None)


@pytest.mark.parametrize("name", AUTHS)
async def test_redirects_within_an_origin_carry_it_on(world: World, serve: Serve, netrc: Path, name: str) -> None:
    server = serve(answering(moved(lambda: "/here")))

    response = await world.client().get(server.url("/away"), auth=AUTHS[name]())

    assert response.text != "nobody"
    assert response.text == server.requests[0].get("authorization")
    assert response.history[0].request.headers["authorization"] == response.text


@pytest.mark.parametrize("domain", ["", 'domain="{}"'])
async def test_a_challenge_of_another_origin_is_not_answered(world: World, serve: Serve, domain: str) -> None:
    """CVE-2026-54276 (aiohttp #12825), CVE-2026-11856: not after a redirect, whatever the first origin said."""
    door, trap = Doorkeeper(), Doorkeeper()
    server = serve(answering(lambda request: redirecting(request, door, other.url())))
    other = serve(answering(trap))
    door.more = f", {domain.format(other.url())}" if domain else ""
    client = world.client(auth=DigestAuth(door.user, door.password))

    assert (await client.get(server.url("/in"))).status_code == 200
    response = await client.get(server.url("/away"))

    assert (response.status_code, str(response.url)) == (401, other.url())
    assert trap.refused == ["anonymous"]


def redirecting(request: Received, door: Doorkeeper, location: str) -> bytes:
    answer = door(request)
    if request.target == "/away" and answer.startswith(b"HTTP/1.1 200"):
        return reply(b"", "302 Found", f"Location: {location}")
    return answer


async def test_digest_follows_redirects_within_its_origin(world: World, serve: Serve) -> None:
    door = Doorkeeper()
    server = serve(answering(lambda request: redirecting(request, door, "/in")))
    client = world.client(auth=DigestAuth(door.user, door.password))

    response = await client.get(server.url("/away"))

    assert (response.text, [each.status_code for each in response.history]) == ("welcome", [302])
    assert [each["uri"] for each in door.admitted] == ["/away", "/in"]


@pytest.mark.parametrize("away", [False, True], ids=["within", "away"])
async def test_who_follows_by_hand_carries_nothing_stale(world: World, serve: Serve, away: bool) -> None:
    door, trap = Doorkeeper(), Doorkeeper()
    other = serve(answering(trap))
    server = serve(answering(lambda request: redirecting(request, door, other.url() if away else "/in")))
    client = world.client(auth=DigestAuth(door.user, door.password), follow_redirects=False)

    following = (await client.get(server.url("/away"))).next_request

    assert "authorization" not in following.headers
    assert (await client.send(following)).status_code == (401 if away else 200)
    assert trap.admitted == []
    assert trap.refused == (["anonymous"] if away else [])


async def test_who_follows_by_hand_may_show_who_he_is(world: World, serve: Serve) -> None:
    server = serve(answering(moved(lambda: other.url("/"))))
    other = serve(answering(whoami))
    client = world.client(auth=("u", "p"), follow_redirects=False)

    following = (await client.get(server.url("/away"))).next_request

    assert (await client.send(following)).text == "nobody"
    assert (await client.send(following, auth=("u", "p"))).text == BASIC
    assert (await client.send(following, auth=flow_of("x"))).text == "Flow x"


async def test_a_request_of_a_middleware_elsewhere_is_its_own_affair(world: World, serve: Serve) -> None:
    server, other = serve(answering(whoami)), serve(answering(whoami))
    seen: list[bytes] = []

    def beside(request: Request) -> Any:
        seen.append((yield Read((yield Send(Request("GET", other.url()))))))
        return (yield request)

    client = world.client(middleware=[beside], auth=flow_of("u"))

    assert await told(client, server.url()) == "Flow u"
    assert seen == [b"nobody"]


# netrc


async def test_netrc_is_asked_where_nobody_says_anything(world: World, serve: Serve, netrc: Path) -> None:
    server = serve(answering(whoami))
    client = world.client()

    for _ in range(2):
        assert await told(client, server.url()) == BASIC
    assert await told(client, server.url(), auth=None) == "nobody"
    assert await told(client, server.url(host="localhost")) == "nobody"  # the default is for who asks for it
    assert await told(client, server.url(host="localhost"), auth=NetrcAuth()) == "Basic ZDpl"
    assert await told(world.client(trust_env=False), server.url()) == "nobody"


async def test_netrc_is_never_asked_over_what_was_said(world: World, serve: Serve, netrc: Path) -> None:
    """Requests #3929: an explicit header is what is sent."""
    server = serve(answering(whoami))
    client = world.client()

    for _ in range(2):
        assert await told(client, server.url(), headers={"Authorization": "own"}) == "own"
        assert await told(client, server.url(host="a:b@127.0.0.1")) == "Basic YTpi"
        assert await told(client, server.url(), auth=("a", "b")) == "Basic YTpi"
        assert await told(world.client(auth=("a", "b")), server.url()) == "Basic YTpi"
        assert await told(world.client(headers={"Authorization": "own"}), server.url()) == "own"


async def test_netrc_is_asked_for_the_host_that_is_connected_to(world: World, serve: Serve, netrc: Path) -> None:
    """CVE-2024-47081: `http://host:x@other/` is a request to the other one."""
    server = serve(answering(whoami))
    url = server.url(host="127.0.0.1:x@localhost")

    assert await told(world.client(), url) == "Basic MTI3LjAuMC4xOng="
    assert BASIC not in [request.get("authorization") for request in server.requests]


@pytest.mark.parametrize("text", ["nonsense", "machine 127.0.0.1 login a:b password p", ""])
async def test_a_netrc_file_without_a_meaning_is_none(world: World, serve: Serve, netrc: Path, text: str) -> None:
    netrc.write_text(text)
    server = serve(answering(whoami))
    client = world.client()

    for _ in range(2):
        assert await told(client, server.url()) == "nobody"


async def test_netrc_is_read_once_and_never_in_an_event_loop(
    world: World, serve: Serve, netrc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import courser.policies.auth.netrcauth as module

    threads: list[int] = []
    read = module.read_netrc

    def reading(file: str) -> Any:
        threads.append(threading.get_ident())
        return read(file)

    monkeypatch.setattr(module, "read_netrc", reading)
    server = serve(answering(whoami))
    client = world.client()

    for _ in range(3):
        assert await told(client, server.url()) == BASIC

    assert len(threads) == 1
    assert (threads[0] != threading.get_ident()) == world.is_async


# Flows of users


async def test_a_flow_may_ask_and_answer(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        if request.target == "/key":
            return reply(b"key")
        if request.get("x-signed") != "async key":
            return reply(b"no", "401 Unauthorized")
        return reply(b"yes")

    server = serve(answering(answer))

    async def prefix() -> str:
        return "async "

    class Signing:
        def flow(self, request: Request) -> Any:
            response = yield request
            if response.status_code != 401:
                return response
            key = yield Read((yield Send(Request("GET", server.url("/key")))))
            request.headers["X-Signed"] = (yield Call(prefix)) + key.decode()
            return (yield request)

    assert await told(world.client(auth=Signing()), server.url()) == "yes"


async def test_a_function_may_change_the_request_and_give_it_back(world: World, serve: Serve) -> None:
    """As `auth=` of Requests does."""
    server = serve(answering(lambda request: reply((request.get("x-signature") or "-").encode())))

    def sign(request: Request) -> Request:
        request.headers["X-Signature"] = f"{request.method} {len(request.content or b'')}"
        return request

    client = world.client(auth=sign)
    response = await client.post(server.url(), content=b"body")

    assert response.text == "POST 4"


async def test_a_flow_that_returns_nothing_is_told_its_name(world: World, serve: Serve) -> None:
    def forgetful(request: Request) -> Any:
        yield request

    with pytest.raises(TypeError, match="forgetful returned None"):
        await world.client(auth=forgetful).get(serve(answering(whoami)).url())


async def test_a_flow_goes_with_middleware_and_streams(world: World, serve: Serve) -> None:
    server = serve(answering(moved(lambda: "/here")))
    order: list[str] = []

    def middleware(request: Request) -> Any:
        order.append(f"middleware {'authorization' in request.headers}")
        return (yield request)

    client = world.client(auth=flow_of("u"), middleware=[middleware])

    assert await told(client, server.url("/away")) == "Flow u"
    if world.streams:
        async with client.stream("GET", server.url("/away")) as response:
            assert await response.read() == b"Flow u"
    assert set(order) == {"middleware False"}


# OAuth 2


class Tokens:
    """A token endpoint, and a server that wants the last of its tokens; it takes its time to make one."""

    def __init__(self) -> None:
        self.given = 0
        self.valid: set[str] = set()

    def __call__(self, peer: Peer) -> None:
        while True:
            request = peer.request()
            if request.target == "/token":
                peer.server.closing.wait(0.05)
                self.given += 1
                self.valid = {f"Bearer t{self.given}"}
                body = b'{"access_token": "t%d", "token_type": "Bearer", "expires_in": 3600}' % self.given
                peer.send(reply(body, "200 OK", "Content-Type: application/json"))
            elif request.get("authorization") in self.valid:
                peer.send(reply(b"welcome"))
            else:
                peer.send(reply(b"", "401 Unauthorized", 'WWW-Authenticate: Bearer error="invalid_token"'))


async def many(world: World, client: Any, url: str, count: int) -> list[int]:
    """The statuses of so many requests under way at once, in whatever way a world has."""
    if world.name == "inline":
        return in_threads(count, lambda: client.wrapped.get(url).status_code)
    if world.name == "group":
        return [response.status_code for response in client.wrapped.map([url] * count, concurrency=count)]
    return [response.status_code for response in await world.together(*[lambda: client.get(url)] * count)]


async def test_a_hundred_who_wait_are_one_request_for_a_token(world: World, serve: Serve) -> None:
    tokens = Tokens()
    server = serve(tokens)
    client = world.client(auth=OAuth2ClientCredentials(server.url("/token"), "id", "secret"))

    assert await many(world, client, server.url("/x"), 100) == [200] * 100
    assert tokens.given == 1

    tokens.valid.clear()
    assert await many(world, client, server.url("/x"), 100) == [200] * 100
    assert tokens.given == 2


async def test_a_token_endpoint_that_refuses_is_an_error_for_all(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b'{"error": "invalid_client"}', "401 Unauthorized")))
    client = world.client(auth=OAuth2ClientCredentials(server.url("/token"), "id", "hush"))

    with pytest.raises(courser.StatusError, match=r"invalid_client.*look at client_id") as caught:
        await client.get(server.url("/x"))

    assert "hush" not in str(caught.value)
    assert caught.value.response.status_code == 401
    assert [request.target for request in server.requests] == ["/token"]


async def test_who_is_cancelled_while_asking_leaves_it_to_another(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    tokens = Tokens()
    server = serve(silent, tokens)
    client = world.client(auth=OAuth2ClientCredentials(server.url("/token"), "id", "secret"))
    waits = threading.Event()

    async def given_up() -> bool:
        return await world.cancelled_once(waits.is_set, lambda: client.get(server.url("/x")))

    async def waiting() -> Any:
        assert await world.until(lambda: bool(server.requests))
        waits.set()
        return await client.get(server.url("/x"))

    cancelled, response = await world.together(given_up, waiting)

    assert cancelled is True
    assert response.status_code == 200
    assert tokens.given == 1


async def test_tokens_are_kept_where_it_may_block(world: World, serve: Serve, tmp_path: Path) -> None:
    import json

    server = serve(Tokens())
    file = tmp_path / "token.json"
    threads: list[int] = []

    def load() -> Any:
        threads.append(threading.get_ident())
        return json.loads(file.read_text()) if file.exists() else None

    def save(token: dict[str, Any]) -> None:
        threads.append(threading.get_ident())
        file.write_text(json.dumps(token))

    for _ in range(2):
        auth = courser.OAuth2RefreshToken(server.url("/token"), "r", "id", load=load, save=save)
        assert (await world.client(auth=auth).get(server.url("/x"))).status_code == 200

    assert [request.target for request in server.requests] == ["/token", "/x", "/x"]
    assert json.loads(file.read_text())["refresh_token"] == "r"
    assert [thread != threading.get_ident() for thread in threads] == [world.is_async] * 3


async def test_a_stream_is_not_repeated_for_a_token(world: World, serve: Serve) -> None:
    tokens = Tokens()
    server = serve(tokens)
    client = world.client(auth=OAuth2ClientCredentials(server.url("/token"), "id", "secret"))
    await client.get(server.url("/x"))
    tokens.valid.clear()

    assert (await client.post(server.url("/x"), content=iter([b"x"]))).status_code == 401
    assert tokens.given == 1
    assert (await client.post(server.url("/x"), content=b"x")).status_code == 200


# Secrets


async def test_nothing_shows_a_secret(world: World, serve: Serve) -> None:
    url = serve(answering(whoami)).url()
    auths = [BasicAuth("secret", "secret"), BearerAuth("secret"), DigestAuth("secret", "secret")]
    for auth in auths:
        client = world.client(auth=auth)
        response = await client.get(url)
        for each in (auth, client, response, response.request, response.request.headers):
            assert "secret" not in repr(each)
            assert "c2VjcmV0" not in repr(each)
