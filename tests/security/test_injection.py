"""Nothing that a caller gives becomes a line of its own: it is refused before a byte is sent, or escaped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faultserver import FaultServer, answering, reply

import courser
from courser import Proxy

Serve = Callable[..., FaultServer]

EVIL = {
    "CR": "\r",
    "LF": "\n",
    "CR LF": "\r\nX-Evil: 1\r\n",
    "NUL": "\0",
    "DEL": "\x7f",
    "what Latin-1 would cut to CR": "\u010d",
    "what Latin-1 would cut to LF": "\u010a",
    "a lone surrogate": "\udc80",
}

SINKS: dict[str, Callable[[str, str], tuple[str, str, dict[str, Any]]]] = {
    "method CVE-2019-12387 CVE-2020-26116": lambda url, evil: (f"GET{evil}", url, {}),
    "scheme": lambda url, evil: ("GET", url.replace("http", f"ht{evil}tp"), {}),
    "host CVE-2019-18348": lambda url, evil: ("GET", url.replace("127", f"127{evil}"), {}),
    "port": lambda url, evil: ("GET", f"{url.rstrip('/')}{evil}/", {}),
    "path CVE-2019-9740 CVE-2020-11078 CVE-2022-31150": lambda url, evil: ("GET", f"{url}a{evil}b", {}),
    "query CVE-2019-9947": lambda url, evil: ("GET", f"{url}?a{evil}b", {}),
    "fragment": lambda url, evil: ("GET", f"{url}#a{evil}b", {}),
    "userinfo": lambda url, evil: ("GET", url.replace("//", f"//a{evil}:b{evil}@"), {}),
    "name of a parameter": lambda url, evil: ("GET", url, {"params": {f"a{evil}b": "c"}}),
    "value of a parameter": lambda url, evil: ("GET", url, {"params": {"a": f"b{evil}c"}}),
    "name of a header": lambda url, evil: ("GET", url, {"headers": {f"A{evil}B": "c"}}),
    "value of a header CVE-2016-5699": lambda url, evil: ("GET", url, {"headers": {"A": f"b{evil}c"}}),
    "Host CVE-2023-23936 CVE-2023-29406": lambda url, evil: ("GET", url, {"headers": {"Host": f"h{evil}i"}}),
    "Content-Type CVE-2022-35948": lambda url, evil: (
        "POST",
        url,
        {"content": b"x", "headers": {"Content-Type": f"a/b{evil}"}},
    ),
    "name of a cookie": lambda url, evil: ("GET", url, {"cookies": {f"a{evil}b": "c"}}),
    "value of a cookie": lambda url, evil: ("GET", url, {"cookies": {"a": f"b{evil}c"}}),
    "user": lambda url, evil: ("GET", url, {"auth": (f"u{evil}", "p")}),
    "password": lambda url, evil: ("GET", url, {"auth": ("u", f"p{evil}")}),
    "token": lambda url, evil: ("GET", url, {"auth": courser.BearerAuth(f"t{evil}")}),
    "name of a form": lambda url, evil: ("POST", url, {"data": {f"a{evil}b": "c"}}),
    "user of Digest": lambda url, evil: ("GET", url, {"auth": courser.DigestAuth(f"u{evil}", "p")}),
    "name of a part": lambda url, evil: ("POST", url, {"files": {f"a{evil}b": b"c"}}),
    "file name of a part": lambda url, evil: ("POST", url, {"files": {"a": (f"b{evil}c", b"d")}}),
    "type of a part": lambda url, evil: ("POST", url, {"files": {"a": ("b", b"c", f"d/e{evil}")}}),
    "name of a field of a part": lambda url, evil: (
        "POST",
        url,
        {"files": {"a": ("b", b"c", "d/e", {f"F{evil}": "g"})}},
    ),
    "value of a field of a part": lambda url, evil: (
        "POST",
        url,
        {"files": {"a": ("b", b"c", "d/e", {"F": f"g{evil}"})}},
    ),
    "boundary": lambda url, evil: (
        "POST",
        url,
        {"files": {"a": b"b"}, "headers": {"Content-Type": f"multipart/form-data; boundary=c{evil}d"}},
    ),
    "name of a field for a proxy": lambda url, evil: ("GET", AWAY, {"proxy": Proxy(url, headers={f"A{evil}B": "c"})}),
    "value of a field for a proxy": lambda url, evil: ("GET", AWAY, {"proxy": Proxy(url, headers={"A": f"b{evil}c"})}),
    "user of a proxy": lambda url, evil: ("GET", AWAY, {"proxy": url.replace("//", f"//u{evil}:p@")}),
    "password of a proxy": lambda url, evil: ("GET", AWAY, {"proxy": Proxy(url, auth=("u", f"p{evil}"))}),
    "host behind a proxy CVE-2026-1502": lambda url, evil: ("GET", f"http://a{evil}.example/", {"proxy": url}),
    "path behind a proxy": lambda url, evil: ("GET", f"{AWAY}{evil}", {"proxy": url}),
}

AWAY = "http://a.example/"
"""What is asked of the server as of a proxy."""

LINES = {"host", "user-agent", "accept", "accept-encoding"}
OWN = {"a", "authorization", "cookie", "content-type", "content-length", "proxy-authorization"}


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("sink", SINKS)
def test_no_line_that_nobody_meant(serve: Serve, sink: str, evil: str) -> None:
    """T-INJ over HTTP/1.1; also CVE-2022-0391."""
    server = serve(answering(reply(b"")))
    with courser.Client() as client:
        try:
            method, url, options = SINKS[sink](server.url("/"), EVIL[evil])
            client.request(method, url, **options)
        except (courser.HTTPError, TypeError) as error:
            assert server.requests == []
            assert isinstance(error, ValueError | courser.LocalProtocolError), repr(error)  # noqa: PT017 - or none
            return
    (request,) = server.requests
    assert {name for name, _ in request.fields} - OWN <= LINES
    assert len(request.fields) == len({name for name, _ in request.fields})
    assert not any(byte < 32 or byte == 127 for byte in request.raw.replace(b"\r\n", b""))
    assert b"\n" not in request.raw.replace(b"\r\n", b"")
    assert b"\nx-evil" not in request.raw.lower()


@pytest.mark.parametrize("option", ["version", "http_version"])
def test_cve_2023_49081_nobody_says_the_version(serve: Serve, option: str) -> None:
    server = serve(answering(reply(b"")))
    with courser.Client() as client, pytest.raises(TypeError, match=option):
        client.get(server.url("/"), **{option: "1.1\r\nX-Evil: 1"})

    assert server.requests == []


@pytest.mark.parametrize("evil", ["\r", "\n", "\0", "X-Evil: 1\r\n"])
def test_a_header_that_is_changed_later_is_checked_too(serve: Serve, evil: str) -> None:
    server = serve(answering(reply(b"")))
    with courser.Client() as client:
        request = client.build_request("GET", server.url("/"))

        def change_and_send() -> None:
            request.headers["A"] = f"b{evil}c"
            client.send(request)

        with pytest.raises(courser.HTTPError):
            change_and_send()

    assert server.requests == []
