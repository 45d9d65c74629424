"""What is made of a response."""

from __future__ import annotations

from typing import Final

from case import Case, Judge, judged
from faultserver import chunked, reply
from scene import Script, Seen
from scripts import answering, once, pieces

HTML: Final = "Content-Type: text/html"
JSON: Final = "Content-Type: application/json"
OK: Final = b"HTTP/1.1 200 OK\r\n"


def gives(wanted: object) -> Judge:
    """The client reads this."""

    def judge(seen: Seen) -> str:
        return "" if seen.value == wanted else f"gives {seen.value!r}"[:100]

    return judge


def taken(seen: Seen) -> str:
    """An error was right, and there was none."""
    answer = seen.answers[-1]
    return f"gives {answer['status']} {answer['value']!r}"[:100]


def read(script: Script, want: str, path: str = "/") -> dict[str, object]:
    """One GET, and what is read of its response."""
    return {"servers": {"home": script}, "steps": [{"method": "GET", "url": f"<home>{path}", "want": want}]}


def _early_hints(seen: Seen) -> str:
    answer = seen.answers[-1]
    return "" if answer["status"] == 200 and seen.value == "final" else f"gives {answer['status']} as the response"


CASES: Final = [
    Case(
        id="early-hints",
        kind="loss",
        row="1.2.23",
        does="The server sends 103 Early Hints, and then the response.",
        right="The response is the response.",
        judge=_early_hints,
        **read(
            answering(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + reply(b"final")),
            "content",
        ),
    ),
    Case(
        id="text-without-charset",
        kind="change",
        row="1.2.6",
        does="A page in UTF-8, é€, with Content-Type: text/html.",
        right="Its text is é€.",
        judge=gives("é€"),
        **read(answering(reply("é€".encode(), "200 OK", HTML)), "text"),
    ),
    Case(
        id="text-with-a-wrong-byte",
        kind="refusal",
        row="1.2.6",
        does="A page in UTF-8 with one byte that is none: caf\\xe9.",
        right="Its text is there, with U+FFFD in that place.",
        judge=gives("caf\ufffd"),
        **read(answering(reply(b"caf\xe9", "200 OK", "Content-Type: text/html; charset=utf-8")), "text"),
    ),
    Case(
        id="json-with-bom",
        kind="refusal",
        row="1.2.9",
        does="JSON in UTF-8 behind a byte order mark (RFC 8259 section 8.1 lets a parser ignore it).",
        right="It is read.",
        judge=gives({"a": 1}),
        **read(answering(reply(b'\xef\xbb\xbf{"a": 1}', "200 OK", JSON)), "json"),
    ),
    Case(
        id="json-in-utf-16",
        kind="refusal",
        row="1.2.9",
        does="JSON in UTF-16 with its byte order mark.",
        right="It is read.",
        judge=gives({"a": "é"}),
        **read(answering(reply('{"a": "é"}'.encode("utf-16"), "200 OK", JSON)), "json"),
    ),
    Case(
        id="json-labelled-as-html",
        kind="refusal",
        row="1.2.10",
        does="JSON that comes as Content-Type: text/html.",
        right="Who asks for JSON gets it.",
        judge=gives({"a": 1}),
        **read(answering(reply(b'{"a": 1}', "200 OK", HTML)), "json"),
    ),
    Case(
        id="json-of-nothing",
        kind="trust",
        row="1.2.11",
        does="An empty body is read as JSON.",
        right="An error: null is something else than nothing.",
        judge=judged(taken),
        error_is_right=True,
        **read(answering(reply(b"", "200 OK", JSON)), "json"),
    ),
    Case(
        id="lines-across-pieces",
        kind="change",
        row="1.2.13",
        does="A stream is read by lines; one piece ends between CR and LF.",
        right="Two lines, and no empty one between them.",
        judge=gives(["one", "two"]),
        **read(
            pieces(OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\none\r\r\n", b"6\r\n\ntwo\r\n\r\n", b"0\r\n\r\n"),
            "lines",
        ),
    ),
    Case(
        id="lines-end-at-line-ends",
        kind="loss",
        row="1.2.12",
        does="A stream of two lines of JSON with U+2028 and U+0085 inside their strings.",
        right="Two lines, each of them JSON.",
        judge=gives(['{"a": "x\u2028y"}', '{"b": "p\x85q"}']),
        **read(
            answering(
                reply(
                    '{"a": "x\u2028y"}\n{"b": "p\x85q"}\n'.encode(), "200 OK", "Content-Type: text/plain; charset=utf-8"
                )
            ),
            "lines",
        ),
    ),
    Case(
        id="body-of-an-error",
        kind="loss",
        row="1.2.2",
        does="raise_for_status() raises for a 422 whose body says why.",
        right="The body can still be read.",
        judge=gives("why"),
        **read(answering(reply(b"why", "422 Unprocessable Content")), "raise"),
    ),
    Case(
        id="error-across-processes",
        kind="refusal",
        row="1.10.5",
        does="The error of raise_for_status() is pickled and unpickled, as multiprocessing does.",
        right="It comes back.",
        judge=lambda seen: "" if seen.value else "gives no error",
        **read(answering(reply(b"why", "404 Not Found")), "pickle"),
    ),
    Case(
        id="repeated-header",
        kind="loss",
        row="1.2.4",
        does="Looking up X-A in a response with X-A: 1 and X-A: 2.",
        right="Both are there, joined as RFC 9110 section 5.3 says.",
        judge=gives("1, 2"),
        **read(answering(reply(b"", "200 OK", "X-A: 1", "X-A: 2")), "field:X-A"),
    ),
    Case(
        id="long-header-line",
        kind="refusal",
        row="1.2.27",
        does="A header line of 16 KB, as policies and cookies of real sites have.",
        right="It is read.",
        judge=gives("fine"),
        **read(answering(reply(b"fine", "200 OK", "X-Policy: " + "a" * 16384)), "content"),
    ),
    Case(
        id="many-headers",
        kind="refusal",
        row="1.2.27",
        does="A response of 110 header fields.",
        right="It is read.",
        judge=gives("fine"),
        **read(answering(reply(b"fine", "200 OK", *(f"X-{number}: {number}" for number in range(109)))), "content"),
    ),
    Case(
        id="two-lengths",
        kind="trust",
        does="A response says Content-Length: 5 and Content-Length: 3.",
        right="An error (RFC 9112 section 6.3): whoever chooses is led by the nose.",
        judge=judged(taken),
        error_is_right=True,
        **read(once(OK + b"Content-Length: 5\r\nContent-Length: 3\r\n\r\nabcde"), "content"),
    ),
    Case(
        id="length-and-chunks",
        kind="trust",
        does="A response has a Content-Length and Transfer-Encoding: chunked.",
        right="An error (RFC 9112 section 6.3): it might be an attempt at smuggling.",
        judge=judged(taken),
        error_is_right=True,
        **read(once(OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "content"),
    ),
    Case(
        id="body-cut-short",
        kind="trust",
        does="The connection ends after 3 of 10 bytes.",
        right="An error.",
        judge=judged(taken),
        error_is_right=True,
        **read(once(OK + b"Content-Length: 10\r\n\r\nabc"), "content"),
    ),
    Case(
        id="chunks-cut-short",
        kind="trust",
        does="The connection ends before the last chunk.",
        right="An error.",
        judge=judged(taken),
        error_is_right=True,
        **read(once(chunked(b"abc")[: -len(b"0\r\n\r\n")]), "content"),
    ),
]
