"""How a request is made of what the caller says."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from case import Case, Judge, judged
from scene import Seen
from scripts import PLAIN

HOME: Final = {"home": PLAIN}


def asks_for(target: str) -> Judge:
    """The server was asked for exactly this."""

    def judge(seen: Seen) -> str:
        got = seen.last().target
        return "" if got == target else f"asks for {got}"

    return judge


def _get(url: str, **more: object) -> list[dict[str, object]]:
    return [{"method": "GET", "url": url, **more}]


def _post(**more: object) -> list[dict[str, object]]:
    return [{"method": "POST", "url": "<home>/", **more}]


def _credentials(seen: Seen) -> str:
    got = seen.last().get("authorization")
    wanted = "Basic " + b64encode(b"us@er:p:ss").decode()
    return "" if got == wanted else f"sends Authorization: {got}" if got else "sends no credentials"


def _no_evil(seen: Seen) -> str:
    return "sends the second line as a header of its own" if seen.last().get("x-evil") else "sends something else"


def _sent(seen: Seen) -> str:
    return f"sends {seen.last().body.decode()[:40]}"


def _empty_post(seen: Seen) -> str:
    request = seen.last()
    if request.get("content-type"):
        return f"says Content-Type: {request.get('content-type')}"
    return "" if request.get("content-length") == "0" else "says no Content-Length"


def _rest_of_the_file(seen: Seen) -> str:
    body = seen.last().body
    return "" if body == b"456789" else f"sends {body.decode()}"


def _file_name(seen: Seen) -> str:
    body = seen.last().body
    if 'filename="é.txt"'.encode() in body:
        return ""
    return "sends " + next(
        (line for line in body.decode("latin-1").split("\r\n") if "filename" in line), "no file name"
    )


def _name_is_whole(seen: Seen) -> str:
    got = seen.last().get("x-name")
    return "" if got in ("é", "é".encode().decode("latin-1")) else f"sends {got!r}"


CASES: Final = [
    Case(
        id="params-join-the-query",
        kind="loss",
        row="1.1.7",
        does="GET /list?page=1 with params={'size': '2'}.",
        right="Both are asked for: /list?page=1&size=2.",
        servers=HOME,
        steps=_get("<home>/list?page=1", params={"size": "2"}),
        judge=asks_for("/list?page=1&size=2"),
    ),
    Case(
        id="empty-params-keep-the-query",
        kind="loss",
        row="1.1.7",
        does="GET /list?page=1 with params={}.",
        right="The query of the URL stays.",
        servers=HOME,
        steps=_get("<home>/list?page=1", params={}),
        judge=asks_for("/list?page=1"),
    ),
    Case(
        id="params-with-lists",
        kind="refusal",
        row="1.1.6",
        does="GET / with params={'a': ['1', '2']}.",
        right="A parameter for each value: /?a=1&a=2.",
        servers=HOME,
        steps=_get("<home>/", params={"a": ["1", "2"]}),
        judge=asks_for("/?a=1&a=2"),
    ),
    Case(
        id="params-with-none",
        kind="change",
        row="1.1.9",
        does="GET / with params={'a': None, 'b': '1'}.",
        right="What is None is not there: /?b=1.",
        servers=HOME,
        steps=_get("<home>/", params={"a": None, "b": "1"}),
        judge=asks_for("/?b=1"),
    ),
    Case(
        id="params-with-true",
        kind="change",
        row="1.1.10",
        does="GET / with params={'a': True}.",
        right="The word that JSON and HTML have for it: /?a=true.",
        servers=HOME,
        steps=_get("<home>/", params={"a": True}),
        judge=asks_for("/?a=true"),
    ),
    Case(
        id="escapes-as-given",
        kind="change",
        row="1.1.12",
        does="GET of a URL whose path and query are escaped as its signature wants them.",
        right="Path and query arrive byte for byte.",
        servers=HOME,
        steps=_get("<home>/a%28b%29%7Ec%2fd?sig=%2Ba%2f%28%29%41"),
        judge=asks_for("/a%28b%29%7Ec%2fd?sig=%2Ba%2f%28%29%41"),
    ),
    Case(
        id="escaped-credentials",
        kind="change",
        row="1.1.15",
        does="GET of http://us%40er:p%3Ass@host/.",
        right="Basic authentication with what the escapes stand for, us@er and p:ss.",
        servers=HOME,
        steps=_get("http://us%40er:p%3Ass@127.0.0.1:<home:port>/"),
        judge=_credentials,
    ),
    Case(
        id="header-with-a-line-break",
        kind="trust",
        row="1.1.18",
        does="A header whose value is 'a', CR LF and 'X-Evil: 1'.",
        right="An error before anything is sent.",
        servers=HOME,
        steps=_get("<home>/", headers={"X-A": "a\r\nX-Evil: 1"}),
        judge=judged(_no_evil),
        error_is_right=True,
    ),
    Case(
        id="header-beyond-ascii",
        kind="refusal",
        row="1.1.19",
        does="GET with the header X-Name: é.",
        right="It is sent, in UTF-8 or in Latin-1.",
        servers=HOME,
        steps=_get("<home>/", headers={"X-Name": "é"}),
        judge=_name_is_whole,
    ),
    Case(
        id="json-of-nan",
        kind="change",
        row="1.1.21",
        does="POST with json=float('nan'), which JSON has no word for.",
        right="An error, rather than a body that no parser takes or that says something else.",
        servers=HOME,
        steps=_post(json=float("nan")),
        judge=judged(_sent),
        error_is_right=True,
    ),
    Case(
        id="form-and-json",
        kind="loss",
        row="1.1.24",
        does="POST with a form and with json at once.",
        right="An error: one of them would be lost.",
        servers=HOME,
        steps=_post(form={"a": "1"}, json={"b": 2}),
        judge=judged(_sent),
        error_is_right=True,
    ),
    Case(
        id="empty-post",
        kind="change",
        row="1.1.28",
        does="POST without a body.",
        right="Content-Length: 0 (RFC 9110 section 8.6), and no type of what is not there.",
        servers=HOME,
        steps=_post(),
        judge=_empty_post,
    ),
    Case(
        id="file-from-its-position",
        kind="refusal",
        row="1.1.29",
        does="PUT of an open file of ten bytes that has been read up to the fourth.",
        right="The other six are sent.",
        servers=HOME,
        steps=[{"method": "PUT", "url": "<home>/", "file": ["0123456789", 4]}],
        judge=_rest_of_the_file,
    ),
    Case(
        id="file-name-beyond-ascii",
        kind="change",
        row="1.1.34",
        does="POST of a file named é.txt as multipart/form-data.",
        right='filename="é.txt" in UTF-8, as browsers send it (WHATWG HTML, multipart/form-data).',
        servers=HOME,
        steps=_post(files={"f": ("é.txt", "x")}),
        judge=_file_name,
    ),
]
