"""What becomes of requests when connections die, and of time limits and errors."""

from __future__ import annotations

from typing import Final

from case import Case
from faultserver import reply
from scene import Seen
from scripts import answering, dripping, dying, holding, once

GET: Final = {"method": "GET", "url": "<home>/"}


def _second(seen: Seen) -> str:
    return "" if seen.value == "second" else f"gives {seen.value!r}"


def _sent_twice(seen: Seen) -> str:
    posts = sum(request.method == "POST" for request in seen.requests())
    return f"sends it {posts} times" if posts > 1 else ""


def _waited(seen: Seen) -> str:
    answer = seen.answers[-1]
    return "" if "error" in answer else "waits for the whole body"


def _telling(seen: Seen) -> str:
    answer = seen.answers[-1]
    if "error" not in answer:
        return "gives a response"
    if not answer["own"]:
        return f"raises {answer['error']}, which is none of its own errors"
    return "" if answer["text"] else f"raises {answer['error']} without a word"


def _timeout(seen: Seen) -> str:
    answer = seen.answers[-1]
    if "error" not in answer:
        return f"gives {answer['value']!r}"
    return "" if answer["timeout"] else f"raises {answer['error']}"


def _no_status(seen: Seen) -> str:
    answer = seen.answers[-1]
    status = answer["status"]
    if "error" not in answer:
        return f"gives a response of status {status}"
    return f"raises {answer['error']} of status {status}" if status else ""


def _told_apart(seen: Seen) -> str:
    refused, untrusted = seen.answers
    if "error" not in refused or "error" not in untrusted:
        return "gives a response"
    return f"both are {refused['error']}" if refused["error"] == untrusted["error"] else ""


def _silent(seen: Seen) -> str:
    return "logs it at INFO" if "s3cret" in seen.log else ""


CASES: Final = [
    Case(
        id="get-on-a-dying-connection",
        kind="refusal",
        row="1.3.14",
        does="The server closes a kept connection at the moment of the second GET.",
        right="GET is idempotent: it is sent once more on a new connection (RFC 9112 section 9.3.1).",
        servers={"home": dying},
        steps=[GET, GET],
        judge=_second,
    ),
    Case(
        id="post-on-a-dying-connection",
        kind="trust",
        row="1.3.14",
        does="The server takes a POST on a kept connection, and closes without a word.",
        right="An error: sent again, it might be done twice (RFC 9110 section 9.2.2).",
        servers={"home": dying},
        steps=[GET, {"method": "POST", "url": "<home>/", "content": "pay"}],
        judge=_sent_twice,
        error_is_right=True,
    ),
    Case(
        id="deadline",
        kind="refusal",
        row="1.3.19",
        does="timeout=0.4, and a server that sends a byte of the body every 50 ms for two seconds.",
        right="The call ends after 0.4 seconds, with an error.",
        servers={"home": dripping},
        client={"timeout": 0.4},
        steps=[GET],
        judge=_waited,
        error_is_right=True,
    ),
    Case(
        id="timeout-that-tells",
        kind="change",
        row="1.10.1",
        does="timeout=0.3, and a server that never answers.",
        right="An error of the library's own tree, with a text.",
        servers={"home": holding()},
        client={"timeout": 0.3},
        steps=[GET],
        judge=_telling,
        error_is_right=True,
    ),
    Case(
        id="timeout-in-the-body",
        kind="change",
        row="1.10.2",
        does="timeout=0.3, and a server that stops half-way through the body.",
        right="The error is one of its timeouts.",
        servers={"home": holding(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde")},
        client={"timeout": 0.3},
        steps=[GET],
        judge=_timeout,
        error_is_right=True,
    ),
    Case(
        id="status-of-garbage",
        kind="change",
        row="1.10.1",
        does="The server answers with HTTP/1.1 2x0 OK.",
        right="An error that has no status: there was none.",
        servers={"home": once(b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n")},
        steps=[GET],
        judge=_no_status,
        error_is_right=True,
    ),
    Case(
        id="refused-or-untrusted",
        kind="change",
        row="1.10.3",
        does="One request to a port where nobody listens, one to a server with a certificate that nobody trusts.",
        right="Two classes of errors.",
        servers={"home": answering(reply(b"hello"))},
        tls={"home": "stranger"},
        steps=[{"method": "GET", "url": "<closed>/"}, GET],
        judge=_told_apart,
        error_is_right=True,
    ),
    Case(
        id="verify-false-beside-a-bundle",
        kind="refusal",
        row="1.3.2",
        does="A client with verify=False, and REQUESTS_CA_BUNDLE in the environment.",
        right="What the program says holds.",
        servers={"home": answering(reply(b"hello"))},
        tls={"home": "stranger"},
        client={"verify": False},
        env={"REQUESTS_CA_BUNDLE": "<roots>", "CURL_CA_BUNDLE": "<roots>"},
        steps=[GET],
        judge=lambda seen: "" if seen.value == "hello" else f"gives {seen.value!r}",
    ),
    Case(
        id="secrets-in-the-log",
        kind="leak",
        does="GET /?token=s3cret, with logging at INFO.",
        right="The log does not hold the token.",
        servers={"home": answering(reply(b"hello"))},
        steps=[{"method": "GET", "url": "<home>/?token=s3cret"}],
        judge=_silent,
    ),
]
