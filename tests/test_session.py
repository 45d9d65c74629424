"""What a client's settings make of a call: the request that is sent, and the response that comes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from calls import HERE, OK, Calls, Fake, hops, redirect

from courser.core.send import Sending
from courser.errors import (
    ClientClosed,
    HTTPError,
    InvalidRequest,
    InvalidURL,
    ReadError,
    RedirectError,
    StatusError,
    TooManyRedirects,
)
from courser.hosts.inline import InlineHost, run_inline
from courser.session import Session
from courser.settings import DEFAULT, DIRECT, Timeout
from courser.values.request import Request
from courser.values.response import Response
from courser.values.url import URL

# Headers


def test_default_headers() -> None:
    calls = Calls()
    assert [name.lower() for name in calls.sent().headers] == ["user-agent", "accept", "accept-encoding"]
    assert calls.sent().headers is not calls.session.headers


def test_client_and_request_headers_are_merged() -> None:
    calls = Calls(headers={"X": "client", "Y": "client", "User-Agent": "mine"})

    sent = calls.sent(headers=[("x", "1"), ("X", "2"), ("Z", "3")])

    assert sent.headers.get_list("x") == ["1", "2"]
    assert (sent.headers["y"], sent.headers["z"], sent.headers["user-agent"]) == ("client", "3", "mine")
    assert calls.sent().headers["x"] == "client"


def test_none_removes_a_header() -> None:
    calls = Calls(headers={"X": "1", "Accept": None})

    assert "accept" not in calls.sent().headers
    sent = calls.sent(headers={"x": None, "User-Agent": None})
    assert [name.lower() for name in sent.headers] == ["accept-encoding"]
    assert calls.sent().headers["x"] == "1"


def test_headers_changed_after_a_request_take_effect() -> None:
    calls = Calls()
    calls.get()
    calls.get()
    calls.session.headers["X"] = "1"
    assert calls.sent().headers["x"] == "1"
    calls.session.headers.add("X", "2")
    assert calls.sent().headers.get_list("x") == ["1", "2"]
    del calls.session.headers["X"]
    assert "x" not in calls.sent().headers


def test_a_request_does_not_change_its_client() -> None:
    calls = Calls()
    for _ in range(2):
        calls.session.request("GET", HERE, {}).headers["X"] = "1"
    assert "x" not in calls.sent().headers
    assert "x" not in calls.session.headers


def test_plain_requests_share_the_encoded_headers() -> None:
    calls = Calls(headers={"X": "1"})
    blocks = [calls.session.request("GET", HERE, options)._block for options in ({}, {}, {"timeout": 5}, {})]  # type: ignore[arg-type]

    assert blocks[1] is blocks[2] is blocks[3]
    assert b"X: 1\r\n" in blocks[1]


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "Expect"])
def test_a_default_that_frames_or_names_is_not_shared(name: str) -> None:
    calls = Calls(headers={name: "0"})
    calls.get()
    _, _, host, block = calls.sent().wire()

    assert (b"Host: 0" in block) == (name == "Host")
    assert host == (b"" if name == "Host" else b"a.example")
    assert b"Content-Length" not in block
    assert b"Transfer-Encoding" not in block
    assert b"Expect" not in block


# Who asks


def test_credentials_are_those_of_the_call_or_the_client() -> None:
    calls = Calls(auth=("u", "p"))

    assert calls.sent().headers["authorization"] == "Basic dTpw"
    assert calls.sent(auth=("a", "b")).headers["authorization"] == "Basic YTpi"
    assert "authorization" not in calls.sent(auth=None).headers
    assert calls.sent(headers={"Authorization": "own"}).headers["authorization"] == "own"


def test_a_client_is_not_made_with_two_sets_of_credentials() -> None:
    with pytest.raises(InvalidRequest, match="auth= and the header Authorization"):
        Session(auth=("u", "p"), headers={"Authorization": "own"})


def test_a_flow_sees_each_hop_and_carries_nothing_on() -> None:
    def sign(request: Request) -> Any:
        request.headers["X-Signed"] = request.url.path
        return (yield request)

    def handler(request: Request) -> Response:
        return {"/": redirect("/b"), "/b": redirect("http://b.example/c")}.get(request.url.path, OK)

    calls = Calls(handler, auth=sign)
    response = calls.get()

    assert [request.headers.get("x-signed") for request in calls.fake.asked] == ["/", "/b", None]
    assert [each.request.headers["x-signed"] for each in response.history] == ["/", "/b"]
    following = calls.get("http://a.example/b", follow_redirects=False).next_request
    assert following is not None
    assert following.estranged
    assert "x-signed" not in following.headers


def test_streams_are_authenticated_too() -> None:
    def sign(request: Request) -> Any:
        request.headers["X-Signed"] = "yes"
        return (yield request)

    calls = Calls(auth=("u", "p"))
    for auth in ({}, {"auth": sign}):
        run_inline(calls.session.open(calls.place, "GET", HERE, auth))  # type: ignore[arg-type]

    assert [request.headers.get("authorization") for request in calls.fake.asked] == ["Basic dTpw", None]
    assert [request.headers.get("x-signed") for request in calls.fake.asked] == [None, "yes"]


def test_a_flow_without_redirects_is_the_only_layer() -> None:
    def again(request: Request) -> Any:
        answer = yield request
        return (yield request) if answer.status_code == 302 else answer

    answers = iter([redirect("/x"), OK])
    calls = Calls(lambda request: next(answers))

    assert calls.get(auth=again, follow_redirects=False).content == b"ok"
    assert len(calls.fake.asked) == 2


# URLs, parameters, credentials


@pytest.mark.parametrize(
    ("base", "url", "whole"),
    [
        ("http://a.example/v1", "items", "http://a.example/v1/items"),
        ("http://a.example/v1/", "/items?x=1", "http://a.example/v1/items?x=1"),
        ("http://a.example/v1?k=1", "items?x=1", "http://a.example/v1/items?k=1&x=1"),
        ("http://a.example/v1", "", "http://a.example/v1"),
        ("http://a.example/v1", "http://b.example/y", "http://b.example/y"),
        ("http://a.example/v1", URL("http://b.example/y"), "http://b.example/y"),
        ("", "http://b.example/y", "http://b.example/y"),
        (None, "http://b.example/y", "http://b.example/y"),
    ],
)
def test_base_url(base: Any, url: Any, whole: str) -> None:
    assert str(Calls(base_url=base).sent(url).url) == whole


@pytest.mark.parametrize("base", [None, HERE])
@pytest.mark.parametrize("url", [None, 5, b"http://a.example/"])
def test_a_url_of_another_type_is_refused(base: Any, url: Any) -> None:
    calls = Calls(base_url=base)
    with pytest.raises(TypeError, match="a URL is a str or a URL, not "):
        calls.get(url)
    assert calls.fake.asked == []


@pytest.mark.parametrize("url", ["/x", "a.example", "http://", ""])
def test_a_url_is_absolute_without_a_base(url: str) -> None:
    with pytest.raises(InvalidURL):
        Calls().get(url)


@pytest.mark.parametrize(
    ("client", "given", "query"),
    [
        (None, {"b": 2}, "z=0&b=2"),
        ({"a": 1}, None, "z=0&a=1"),
        ({"a": 1}, {}, "z=0&a=1"),
        ({"a": 1, "b": 1}, {"b": [2, 3]}, "z=0&a=1&b=2&b=3"),
        ({"a": 1, "b": 1}, {"b": None}, "z=0&a=1"),
        ({"a": 1}, [("a", True)], "z=0&a=true"),
        ({"a": 1}, "a=%2f", "z=0&a=1&a=%2f"),
        ({"a": 1}, b"a=%2F", "z=0&a=1&a=%2F"),
        ("a=1", {"c": "x y"}, "z=0&a=1&c=x%20y"),
    ],
)
def test_parameters_join_the_query_and_replace_the_clients(client: Any, given: Any, query: str) -> None:
    calls = Calls(params=client)
    options = {} if given is None else {"params": given}

    assert [calls.sent(HERE + "?z=0", **options).url.query for _ in range(2)] == [query, query]


def test_credentials_in_the_url() -> None:
    calls = Calls()
    for _ in range(2):
        sent = calls.sent("http://u:p%40@a.example/")
        assert (str(sent.url), sent.headers["authorization"]) == (HERE, "Basic dTpwQA==")
    assert "authorization" not in calls.sent().headers


def test_whose_credentials_come_first() -> None:
    calls = Calls(headers={"Authorization": "client"})

    assert calls.sent().headers["authorization"] == "client"
    assert calls.sent("http://u@a.example/").headers["authorization"] == "Basic dTo="
    given = {"authorization": "given"}
    assert calls.sent("http://u@a.example/", headers=given).headers.get_list("Authorization") == ["given"]


def test_credentials_in_the_base_url() -> None:
    calls = Calls(base_url="http://u:p@a.example/v1")

    assert calls.sent("x").headers["authorization"] == "Basic dTpw"
    assert "authorization" not in calls.sent("http://b.example/").headers


# What is the client's own stays with its base_url


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("x", True),
        ("http://a.example/other", True),
        ("http://a.example:80/other", True),
        ("//b.example/x", True),  # a path, below the base
        ("http://b.example/", False),
        ("https://a.example/", False),
        ("http://a.example:8080/", False),
        ("http://www.a.example/", False),
        (URL("http://b.example/"), False),
    ],
)
def test_headers_and_parameters_go_to_the_origin_of_the_base_url_only(url: Any, own: bool) -> None:
    calls = Calls(base_url="http://a.example/v1", headers={"X-Key": "s", "Authorization": "s"}, params={"key": "s"})
    for options in ({}, {}, {"headers": {"Y": "1"}, "params": {"y": 1}}):
        sent = calls.sent(url, **options)
        assert ("x-key" in sent.headers, "authorization" in sent.headers) == (own, own)
        assert ("key=s" in sent.url.query) == own
        assert "user-agent" in sent.headers
        assert ("y" in sent.headers, "y=1" in sent.url.query) == (bool(options), bool(options))


def test_headers_of_the_client_do_not_leave_its_base_url_by_a_redirect() -> None:
    def handler(request: Request) -> Response:
        return redirect("http://b.example/") if request.url.host == "a.example" else OK

    calls = Calls(handler, base_url=HERE, headers={"X-Key": "s", "User-Agent": "mine"})
    calls.session.headers["X-Late"] = "s"

    response = calls.get("x", headers={"Y": "1"})

    sent = response.request.headers
    assert ("x-key" in sent, "x-late" in sent, sent["y"], sent["user-agent"]) == (False, False, "1", "mine")
    unfollowed = calls.get("x", follow_redirects=False)
    assert "x-key" not in unfollowed.next_request.headers  # type: ignore[union-attr]


def test_without_a_base_url_they_go_where_they_are_sent() -> None:
    calls = Calls(headers={"X-Key": "s", "Authorization": "s"}, params={"key": "s"})

    for url in ("http://a.example/", "http://b.example/"):
        sent = calls.sent(url)
        assert (sent.headers["x-key"], sent.headers["authorization"], sent.url.query) == ("s", "s", "key=s")


def test_a_base_url_that_is_set_later_keeps_them_too() -> None:
    def handler(request: Request) -> Response:
        return redirect("http://b.example/") if request.url.host == "a.example" else OK

    calls = Calls(handler, headers={"X-Key": "s"})
    for _ in range(2):
        assert "x-key" in calls.get().request.headers
    calls.session.rebase(HERE)

    assert "x-key" not in calls.get("x").request.headers
    assert calls.fake.asked[-2].headers["x-key"] == "s"
    assert "x-key" not in calls.sent("http://b.example/").headers
    calls.session.rebase("")
    assert calls.session.base_url is None
    assert calls.sent("http://b.example/").headers["x-key"] == "s"


# Options


@pytest.mark.parametrize(
    ("name", "near"),
    [("header", "headers"), ("allow_redirects", "follow_redirects"), ("time_out", "timeout"), ("jsn", "json")],
)
def test_a_misspelt_option_is_told_with_what_was_meant(name: str, near: str) -> None:
    calls = Calls()
    with pytest.raises(TypeError, match=rf"a request has no option '{name}'; did you mean '{near}'\?"):
        calls.get(**{name: 1})
    assert calls.fake.asked == []


@pytest.mark.parametrize(
    ("option", "value", "error", "match"),
    [
        ("timeout", "5", TypeError, "number of seconds"),
        ("timeout", -1, ValueError, "above 0"),
        ("headers", 5, TypeError, "headers are a mapping, or pairs"),
        ("headers", {"A": 5}, TypeError, "A"),
        ("headers", {"A": "x\ny"}, InvalidRequest, "A"),
        ("params", 5, TypeError, "parameters are a mapping or pairs"),
        ("verify", None, TypeError, "verify is True"),
        ("cert", 5, TypeError, "cert is the path"),
        ("max_body_size", "5", TypeError, "max_body_size is a whole number"),
        ("max_body_size", -1, ValueError, "max_body_size is -1"),
        ("extensions", 5, TypeError, "extensions are a mapping"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_sent(
    option: str, value: Any, error: type[Exception], match: str
) -> None:
    calls = Calls()
    with pytest.raises(error, match=match):
        calls("POST", HERE, **{option: value})
    assert calls.fake.asked == []
    if option != "extensions":
        with pytest.raises(error, match=match):
            Session(**{option: value})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"base_url": "a.example"}, InvalidURL),
        ({"base_url": 5}, TypeError),
        ({"max_redirects": -1}, ValueError),
        ({"max_redirects": None}, TypeError),
        ({"mounts": {"nonsense": None}}, InvalidRequest),
        ({"sensitive_headers": "X"}, TypeError),
        ({"max_decoded_size": "5"}, TypeError),
        ({"max_decoded_size": -1}, ValueError),
        ({"json_codec": "orjson"}, TypeError),
        ({"local_address": 5}, TypeError),
        ({"verify": False, "nothing": 1}, TypeError),
    ],
)
def test_what_a_client_cannot_be_made_with(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Session(**options)


def test_the_options_of_a_call_go_before_the_clients() -> None:
    calls = Calls(timeout=5, max_body_size=10, follow_redirects=False)
    plain = calls.session.sending(calls.place, {}, False)
    told = calls.session.sending(
        calls.place, {"timeout": Timeout(total=7), "max_body_size": None, "follow_redirects": True}, False
    )
    default = calls.session.sending(calls.place, {"timeout": DEFAULT}, True)

    assert (plain.deadline.timeout.plain, told.deadline.timeout.total) == (5, 7)
    assert default.deadline.timeout is calls.session.timeout
    assert (plain.limit, told.limit, default.limit) == (10, None, 10)
    assert (len(plain.layers), len(told.layers), len(default.layers)) == (0, 1, 0)


def test_limits_of_size_are_for_bodies_that_end() -> None:
    for of_client in ({"max_body_size": 10}, {"max_decoded_size": 10}):
        calls = Calls(**of_client)
        for options, limit in (({}, None), ({"max_body_size": None}, None), ({"max_body_size": 5}, 5)):
            request = calls.session.request("GET", HERE, {})
            opening = calls.session.open_request(calls.place, request, options, endless=True)  # type: ignore[arg-type]
            _, sending = run_inline(opening)
            assert (sending.limit, sending.endless) == (limit, True)
            _, sending = run_inline(calls.session.open(calls.place, "GET", HERE, {}))
            assert not sending.endless
            assert sending.limit is not None


def test_what_a_call_says_of_tls_is_asked_for_only_where_something_is_said() -> None:
    request = Request("GET", HERE)
    session, certified = Session(), Session(cert="c.pem")

    assert session._said_of_tls({"timeout": 5}, request) is None
    assert session._said_of_tls({"verify": False}, request).own.verify is False  # type: ignore[union-attr]
    assert certified._said_of_tls({}, request).own.cert == ("c.pem", None, None)  # type: ignore[union-attr]


# Requests made before


def test_a_request_is_built_with_the_clients_defaults() -> None:
    calls = Calls(base_url=HERE, headers={"X": "1"}, params={"k": 1})

    request = calls.session.build("post", "y", {"json": 1})

    assert (request.method, str(request.url), request.headers["x"]) == ("POST", "http://a.example/y?k=1", "1")


@pytest.mark.parametrize("option", ["timeout", "verify", "follow_redirects"])
def test_how_to_send_is_said_to_send(option: str) -> None:
    given: Any = {option: 1}
    with pytest.raises(TypeError, match=rf"build_request\(\) takes no {option}: give it to send\(\)"):
        Calls().session.build("GET", HERE, given)


@pytest.mark.parametrize("option", ["params", "headers", "content", "data", "json", "extensions"])
def test_what_to_send_is_said_when_the_request_is_made(option: str) -> None:
    given: Any = {option: None, "timeout": 5}
    with pytest.raises(TypeError, match=rf"send\(\) takes no {option}: the request is made; .* build_request\(\)"):
        Calls().session.how(Request("GET", HERE), given)


def test_send_checks_its_options_too() -> None:
    given: Any = {"timout": 5}
    with pytest.raises(TypeError, match=r"send\(\) has no option 'timout'; did you mean 'timeout'\?"):
        Calls().session.how(Request("GET", HERE), given)


@pytest.mark.parametrize("wrong", [HERE, None, URL(HERE)])
def test_send_takes_a_request(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"send\(\) takes a courser.Request, not \w+; get\(\) takes a URL"):
        Calls().session.how(wrong, {})


def test_a_url_that_was_set_is_made_one() -> None:
    request = Request("GET", HERE)
    request.url = "http://u:p@b.example/"  # type: ignore[assignment]

    assert Calls().session.how(request, {"timeout": 5}) == {"timeout": 5}

    assert request.url == URL("http://b.example/")
    assert request.headers["authorization"] == "Basic dTpw"


# Responses


def test_errors_know_their_request() -> None:
    for calls, options in (
        (Calls(lambda request: Response(200, content=b"x" * 9), max_body_size=8), {}),
        (Calls(lambda request: Response(404)), {"raise_for_status": True}),
        (Calls(lambda request: redirect("/")), {}),
        (Calls(lambda request: redirect("ftp://a.example/")), {}),
    ):
        with pytest.raises(HTTPError) as caught:
            calls.get(**options)
        assert caught.value.request is not None
        assert HERE in str(caught.value)


@pytest.mark.parametrize(("client", "call", "raises"), [(True, None, True), (True, False, False), (False, True, True)])
def test_raise_for_status(client: bool, call: bool | None, raises: bool) -> None:
    calls = Calls(lambda request: Response(404, text="why"), raise_for_status=client)
    options: Any = {} if call is None else {"raise_for_status": call}

    assert calls.session.raises(options) == raises
    if not raises:
        assert calls.get(**options).status_code == 404
        return
    with pytest.raises(StatusError) as caught:
        calls.get(**options)
    assert caught.value.response.text == "why"


# JSON


def test_json_is_written_and_read_by_the_codec_of_the_client() -> None:
    calls = Calls(lambda request: Response(200, content=request.content or b""), json_codec=(bytes.decode, ascii))

    response = calls("POST", HERE, json="é")

    assert calls.fake.asked[-1].content == b"'\\xe9'"
    assert calls.fake.asked[-1].headers["content-type"] == "application/json"
    assert response.json() == "'\\xe9'"
    assert calls.session.request("POST", HERE, {"json": "é"}).content == b"'\\xe9'"


# Compression


@pytest.mark.parametrize(
    ("options", "coding"),
    [
        ({"content": b"abc"}, "gzip"),
        ({"content": b"abc", "compress": "deflate"}, "deflate"),
        ({"content": b"abc", "compress": None}, None),
        ({"content": b"abc", "headers": {"content-encoding": "br"}}, "br"),
        ({}, None),
    ],
)
def test_a_client_may_compress_every_body(options: Any, coding: str | None) -> None:
    request = Calls(compress="gzip").session.request("POST", HERE, {"headers": {"X": "1"}, **options})
    assert request.headers.get("content-encoding") == coding


class Elsewhere(InlineHost):
    """A host that has other things to do."""

    blocking = False


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(("client", "options"), [({"compress": "gzip"}, {}), ({}, {"compress": "gzip"}), ({}, {})])
def test_a_body_may_be_compressed_later(client: Any, options: Any, streamed: bool) -> None:
    calls = Calls(**client)
    calls.place = calls.session.place(Elsewhere())
    given = {"content": b"abc" * 100, **options}

    if streamed:
        run_inline(calls.session.open(calls.place, "POST", HERE, given))
    else:
        calls("POST", HERE, **given)

    assert calls.fake.asked[0].headers.get("content-encoding") == ("gzip" if client or options else None)


def test_files_go_with_a_form() -> None:
    request = Calls().session.request("POST", HERE, {"data": {"a": "1"}, "files": {"f": b"abc"}})
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="a"' in (request.content or b"")


# Parts of bodies


@pytest.mark.parametrize("name", ["Range", "range"])
def test_a_part_of_a_body_is_asked_for_without_a_coding(name: str) -> None:
    """The middle of a gzip stream is nothing that anybody can decode."""
    calls = Calls()

    assert calls.sent(headers={name: "bytes=5-9"}).headers["accept-encoding"] == "identity"
    assert calls.sent(headers={name: "bytes=5-9", "Accept-Encoding": "gzip"}).headers["accept-encoding"] == "gzip"
    assert "accept-encoding" not in calls.sent(headers={name: "bytes=5-9", "Accept-Encoding": None}).headers
    assert calls.sent().headers["accept-encoding"] != "identity"


def test_a_closed_client_sends_nothing() -> None:
    calls = Calls()
    calls.session.closed = True

    with pytest.raises(ClientClosed):
        calls.get()
    with pytest.raises(ClientClosed):
        run_inline(calls.session.open(calls.place, "GET", HERE, {}))
    assert calls.fake.asked == []


def test_a_streamed_call_ends_with_the_head() -> None:
    calls = Calls(lambda request: Response(404, content=b"gone"))

    reply, sending = run_inline(calls.session.open(calls.place, "GET", HERE, {"raise_for_status": True}))

    assert (reply.status_code, list(reply.chunks)) == (404, [b"gone"])
    assert sending.goal == calls.session.sending(calls.place, {}, True).goal


# Redirects


def test_more_headers_can_be_kept_at_home() -> None:
    calls = Calls(hops, sensitive_headers=["X-API-Key"])

    sent = calls.get(headers={"x-api-key": "s", "X-Other": "1", "Cookie": "a=b"}).request.headers

    assert ("x-api-key" in sent, "cookie" in sent, sent["x-other"]) == (False, False, "1")
    assert calls.fake.asked[1].headers["x-api-key"] == "s"


def test_hops_are_bounded() -> None:
    with pytest.raises(TooManyRedirects, match="more than 1"):
        Calls(hops, max_redirects=1).get()


@pytest.mark.parametrize("options", [{"max_redirects": 0}, {"follow_redirects": False}])
def test_a_client_that_follows_nothing_does_not(options: Any) -> None:
    """CVE-2025-50181: what the client says of redirects holds for each call that says nothing else."""
    calls = Calls(hops, **options)

    if "max_redirects" in options:
        with pytest.raises(TooManyRedirects):
            calls.get()
        with pytest.raises(TooManyRedirects):
            calls.get(follow_redirects=True)
        assert calls.get(follow_redirects=False).status_code == 302
    else:
        assert calls.get().status_code == 302
        assert calls.get(follow_redirects=True).status_code == 200
        assert calls.get(follow_redirects=lambda response, following: True).status_code == 200


def test_a_function_may_judge_the_redirects_of_a_client_or_of_a_call() -> None:
    def no_farther(response: Any, following: Request) -> bool:
        return following.url.host == response.request.url.host

    calls = Calls(hops, follow_redirects=no_farther)
    stopped = calls.get(headers={"Authorization": "s"})

    assert (stopped.status_code, len(stopped.history)) == (302, 1)
    assert str(stopped.next_request.url) == "http://b.example/end"  # type: ignore[union-attr]
    assert stopped.stripped == ("Authorization",)
    assert calls.get(follow_redirects=True).status_code == 200
    assert calls.get(follow_redirects=False).history == []
    assert len(Calls(hops).get(follow_redirects=no_farther).history) == 1


@pytest.mark.parametrize("follow", [None, 1, "yes"])
def test_what_cannot_be_said_of_redirects(follow: Any) -> None:
    with pytest.raises(TypeError, match="follow_redirects is True, False or a function"):
        Session(follow_redirects=follow)
    with pytest.raises(TypeError, match="follow_redirects is True, False or a function"):
        Calls().get(follow_redirects=follow)


def test_a_client_may_refuse_the_way_from_https_to_http() -> None:
    def down(request: Request) -> Response:
        return redirect("http://a.example/") if request.url.is_secure else OK

    assert Calls(down).get("https://a.example/").status_code == 200
    with pytest.raises(RedirectError, match="allow_downgrade"):
        Calls(down, allow_downgrade=False).get("https://a.example/")
    with pytest.raises(RedirectError, match="allow_downgrade"):
        Calls(down)("PUT", "https://a.example/", content=b"body")
    assert Calls(down, allow_downgrade=True)("PUT", "https://a.example/", content=b"body").status_code == 200
    assert Calls(down, allow_downgrade=False).get("https://a.example/", follow_redirects=False).next_request
    with pytest.raises(TypeError, match="allow_downgrade is True, False or None"):
        Session(allow_downgrade="never")  # type: ignore[typeddict-item]


def test_middleware_is_around_the_redirects() -> None:
    seen: list[str] = []

    def flow(request: Request) -> Any:
        request.headers["X"] = "1"
        answer = yield request
        seen.append(str(answer.request.url))
        return answer

    calls = Calls(hops, middleware=[flow])
    assert calls.get().request.headers["x"] == "1"
    assert seen == ["http://b.example/end"]


# Where a call spares itself something, and what is given up


def test_only_redirects_are_shown_to_the_policy_of_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other call is spared its frames."""
    shown: list[int] = []
    run = Sending.run

    def note(self: Sending, request: Request, answer: Any = None) -> Any:
        shown.append(answer.status_code)
        return run(self, request, answer)

    monkeypatch.setattr(Sending, "run", note)
    calls = Calls(hops)
    calls.get("http://a.example/end")
    calls.get(follow_redirects=False)
    assert shown == []

    calls.get()

    assert shown == [302]
    assert [request.url.path for request in calls.fake.asked] == ["/end", "/", "/", "/1", "/end"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ReadError(), ReadError(request=Request("GET", HERE))])
def test_what_fails_while_the_body_comes_is_given_up(error: BaseException) -> None:
    given_up: list[int] = []

    class Broken:
        filters = None
        request = Request("PUT", HERE)

        async def collect(self, host: Any) -> bytes:
            raise error

        def abort(self) -> None:
            given_up.append(1)

    calls = Calls()

    async def exchange(request: Request, sending: Any) -> Any:
        return Broken()

    calls.session._usual = ()
    calls.place = type("Place", (), {"host": InlineHost(), "exchange": staticmethod(exchange)})()  # type: ignore[assignment]
    with pytest.raises(type(error)) as caught:
        calls.get()
    assert caught.value is error
    assert not isinstance(error, HTTPError) or error.request is not None
    assert given_up == [1]


# Cookies


def cookies_of(calls: Calls) -> list[str | None]:
    return [request.headers.get("cookie") for request in calls.fake.asked]


def test_cookies_of_client_and_request() -> None:
    calls = Calls(lambda request: Response(200, headers={"Set-Cookie": "c=3"}), cookies={"a": "1"})

    calls.get(cookies={"b": "2"})
    calls.get()

    assert cookies_of(calls) == ["b=2; a=1", "a=1; c=3"]


def test_a_session_without_cookies_has_no_jar() -> None:
    calls = Calls()
    calls.get()
    calls.get(timeout=5)

    assert calls.session.cookies.jar is None
    calls.session.cookies.open()
    calls.get()
    assert cookies_of(calls) == [None] * 3


def test_cookies_without_a_domain_stay_with_the_base_url() -> None:
    """CVE-2025-27152: absolute URLs do not get what is the client's own."""
    calls = Calls(base_url="https://a.example/v1", cookies={"a": "1"})

    calls.get("x")
    calls.get("https://b.example/")
    calls.get("https://a.example:8443/")
    calls.session.rebase("https://b.example/")
    calls.get("x")
    calls.session.rebase(None)
    calls.get("https://c.example/")

    assert cookies_of(calls) == ["a=1", None, None, "a=1", "a=1"]


# Proxies


def test_a_call_that_says_nothing_of_proxies_has_no_rules() -> None:
    session = Session()
    place = session.place(InlineHost())

    for options in ({}, {"proxy": None}, {"proxy": DEFAULT}, {"verify": False}):
        assert session.sending(place, options, False).rules is None  # type: ignore[arg-type]
    assert session.sending(place, {"proxy": DIRECT}, False).rules is not None
    assert session.sending(place, {"proxy": "http://p:1"}, False).rules is not None
    with pytest.raises(TypeError, match=r"courser\.Proxy"):
        session.sending(place, {"proxy": 5}, False)  # type: ignore[typeddict-item]


def test_who_answers_a_url_can_be_asked() -> None:
    session = Session(
        proxy={"https": "http://u:secret@p:1"}, mounts={"http://t": Fake()}, base_url="https://a.example/"
    )

    assert str(session.explain_proxy("/x")) == "http://p:1 (proxy of the client, 'https://')"
    assert str(session.explain_proxy(URL("http://t/"))) == "direct (a transport of the client answers)"
    assert str(session.explain_proxy("http://b/")) == "direct (the environment names no proxy)"
    assert str(Session(trust_env=False).explain_proxy("http://b/")).startswith("direct (nothing names a proxy")


# Who follows


@pytest.mark.parametrize("streamed", [True, False])
def test_a_call_is_followed_by_whoever_wants_to(streamed: bool) -> None:
    told: list[str] = []
    calls = Calls(
        lambda request: redirect("/end") if request.url.path == "/" else OK,
        trace=lambda event: told.append(event.name),
        event_hooks={"request": [lambda request: told.append(request.url.path)]},
    )

    for _ in range(2):
        told.clear()
        if streamed:
            run_inline(calls.session.open(calls.place, "GET", HERE, {}))
        else:
            calls.get()

    assert told == ["/", "request", "head", "end", "redirect", "/end", "request", "head", "bytes", "end"]


def test_a_call_brings_its_own_trace_function() -> None:
    told: list[Any] = []

    Calls().get(extensions={"trace": told.append})

    assert [event.name for event in told] == ["request", "head", "bytes", "end"]


# WebSockets


def upgraded(calls: Calls, url: Any = "ws://a.example/ws", **options: Any) -> Request:
    """The request of a handshake."""
    asked: list[Request] = []

    async def answer(request: Request, sending: Sending) -> Any:
        asked.append(request)
        raise ReadError

    place: Any = SimpleNamespace(host=calls.place.host, exchange=calls.place.exchange, upgrade=answer)
    with pytest.raises(ReadError):
        run_inline(calls.session.upgrade(place, url, options, [("Upgrade", "websocket"), ("X-New", "1")]))  # type: ignore[arg-type]
    return asked[0]


def test_the_handshake_of_a_websocket_is_a_get_that_says_so() -> None:
    calls = Calls(base_url="https://a.example/api/", headers={"X": "1"})
    request = upgraded(calls, "wss://b.example/ws", headers={"Upgrade": "h2c", "Y": "2"}, params={"q": "1"})

    assert (request.method, str(request.url)) == ("GET", "https://b.example/ws?q=1")
    assert (request.headers.get_list("upgrade"), request.headers["x-new"]) == (["websocket"], "1")
    assert request.headers["y"] == "2"
    assert str(upgraded(calls, "ws").url) == "https://a.example/api/ws"
    assert upgraded(calls, "ws").headers["x"] == "1"


def test_a_closed_client_opens_no_websocket() -> None:
    calls = Calls()
    calls.session.closed = True
    with pytest.raises(ClientClosed):
        run_inline(calls.session.upgrade(calls.place, HERE, {}, []))


def test_a_redirected_handshake_is_one_still() -> None:
    asked: list[Request] = []
    calls = Calls(hops)

    async def answer(request: Request, sending: Sending) -> Any:
        asked.append(request)
        return await calls.place.exchange(request, sending)

    place: Any = SimpleNamespace(host=calls.place.host, exchange=calls.place.exchange, upgrade=answer)
    reply, sending = run_inline(calls.session.upgrade(place, HERE, {"timeout": 5}, [("Upgrade", "websocket")]))

    assert [str(request.url) for request in asked] == [HERE, HERE + "1", "http://b.example/end"]
    assert {request.headers["upgrade"] for request in asked} == {"websocket"}
    assert reply.status_code == 200
    assert sending.deadline.final == float("inf"), "a plain timeout bounds each wait from now on"


@pytest.mark.parametrize(
    ("options", "text"), [({}, '{"a":[1,"é"]}'), ({"json_codec": (bytes.decode, repr)}, "{'a': [1, 'é']}")]
)
def test_a_value_is_written_by_the_codec_of_the_client(options: Any, text: str) -> None:
    assert Calls(**options).session.dump_json({"a": [1, "é"]}) == text
