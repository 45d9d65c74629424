"""The recorder: HAR 1.2 as its specification has it, without secrets unless they are asked for."""

from __future__ import annotations

import base64
import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import courser
from courser.core.reply import StaticReply
from courser.server import Reply, ServerRequest
from courser.testing import CALM, Conditions, Fault, MemoryNetwork
from courser.tracing.har import HARRecorder
from courser.values.request import Request
from courser.values.response import Response
from courser.values.tracing import TraceEvent

# The specification (http://www.softwareishard.com/blog/har-12-spec/): what has to be there, and of which kind.

NUMBER = (int, float)
PAIR = {"name": str, "value": str}
SCHEMA: Any = {
    "log": {
        "version": str,
        "creator": {"name": str, "version": str},
        "entries": [
            {
                "startedDateTime": str,
                "time": NUMBER,
                "request": {
                    "method": str,
                    "url": str,
                    "httpVersion": str,
                    "cookies": [PAIR],
                    "headers": [PAIR],
                    "queryString": [PAIR],
                    "headersSize": NUMBER,
                    "bodySize": NUMBER,
                },
                "response": {
                    "status": int,
                    "statusText": str,
                    "httpVersion": str,
                    "cookies": [PAIR],
                    "headers": [PAIR],
                    "content": {"size": NUMBER, "mimeType": str},
                    "redirectURL": str,
                    "headersSize": NUMBER,
                    "bodySize": NUMBER,
                },
                "cache": {},
                "timings": {"send": NUMBER, "wait": NUMBER, "receive": NUMBER},
            }
        ],
    }
}
OPTIONAL: dict[str, Any] = {
    "postData": {"mimeType": str, "text": str},
    "serverIPAddress": str,
    "connection": str,
    "comment": str,
    "text": str,
    "encoding": str,
    "compression": NUMBER,
    "blocked": NUMBER,
    "dns": NUMBER,
    "connect": NUMBER,
    "ssl": NUMBER,
}


def faults(value: Any, schema: Any, where: str = "har") -> list[str]:
    """Where a record is not as the specification has it."""
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{where} is no object"]
        found = [f"{where}.{name} is not there" for name in schema if name not in value]
        for name, inner in value.items():
            known = schema.get(name, OPTIONAL.get(name))
            found += [f"{where}.{name} is unknown"] if known is None else faults(inner, known, f"{where}.{name}")
        return found
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{where} is no array"]
        return [fault for number, each in enumerate(value) for fault in faults(each, schema[0], f"{where}[{number}]")]
    return [] if isinstance(value, schema) and not isinstance(value, bool) else [f"{where} is {value!r}"]


def entries(recorder: HARRecorder) -> list[Any]:
    """What was recorded, as a reader of the file finds it."""
    whole = json.loads(json.dumps(recorder.as_dict()))
    assert faults(whole, SCHEMA) == []
    for entry in whole["log"]["entries"]:
        timings = entry["timings"]
        assert entry["time"] == pytest.approx(sum(v for k, v in timings.items() if v >= 0 and k != "ssl"))
        assert all(value >= 0 for name, value in timings.items() if name in ("send", "wait", "receive"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["startedDateTime"])
    return list(whole["log"]["entries"])


def app(request: ServerRequest) -> Reply:
    match request.path:
        case "/old":
            return Reply(b"on", status=302, headers={"Location": "/new?code=s3cret"})
        case "/zip":
            return Reply(gzip.compress(b"unpacked"), headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
        case "/bad":
            return Reply(b"no gzip", headers={"Content-Encoding": "gzip"})
        case "/bytes":
            return Reply(b"\xff\xfe")
        case _:
            fields = {"Set-Cookie": "sid=s3cret; Path=/", "X-Token": "s3cret", "Content-Type": "text/plain"}
            return Reply(b"hello", headers=fields)


def client(recorder: Any, conditions: Any = CALM) -> courser.Client:
    return courser.Client(trace=recorder, network=MemoryNetwork(app, conditions=conditions))


def test_a_request_and_its_response() -> None:
    recorder = HARRecorder()
    before = datetime.now(UTC)

    client(recorder).post(
        "http://a.example/x?key=s3cret&n=1", data={"password": "s3cret"}, headers={"Cookie": "a=s3cret"}
    )

    (entry,) = entries(recorder)
    assert "s3cret" not in json.dumps(entry)
    request, response = entry["request"], entry["response"]
    assert (request["method"], request["url"]) == ("POST", "http://a.example/x?key=***&n=***")
    assert request["queryString"] == [{"name": "key", "value": "***"}, {"name": "n", "value": "***"}]
    assert request["cookies"] == [{"name": "a", "value": "***"}]
    assert {"name": "Cookie", "value": "***"} in request["headers"]
    assert request["bodySize"] == 15
    assert "postData" not in request
    assert (response["status"], response["statusText"], response["httpVersion"]) == (200, "OK", "HTTP/1.1")
    assert response["cookies"] == [{"name": "sid", "value": "***"}]
    assert response["content"] == {"size": 5, "mimeType": "text/plain"}
    assert abs((datetime.fromisoformat(entry["startedDateTime"]) - before).total_seconds()) < 5
    assert entry["timings"]["connect"] >= 0
    assert entry["timings"]["dns"] == entry["timings"]["ssl"] == -1


def test_a_connection_that_was_there_took_no_time() -> None:
    recorder = HARRecorder()
    made = client(recorder)

    made.get("https://a.example/1")
    made.get("https://a.example/2")

    first, second = entries(recorder)
    assert first["connection"] == second["connection"]
    assert second["timings"]["connect"] == second["timings"]["dns"] == -1


def test_each_hop_is_an_entry() -> None:
    recorder = HARRecorder()

    client(recorder).get("http://a.example/old")

    first, second = entries(recorder)
    assert (first["response"]["status"], first["response"]["redirectURL"]) == (302, "/new?code=***")
    assert second["request"]["url"] == "http://a.example/new?code=***"


def test_secrets_and_bodies_if_they_are_asked_for() -> None:
    recorder = HARRecorder(secrets=True, bodies=True)
    made = client(recorder)

    made.post("http://a.example/old?key=s3cret", data={"password": "s3cret"}, headers={"Authorization": "s3cret"})
    made.get("http://a.example/zip")
    with pytest.raises(courser.DecodingError):
        made.get("http://a.example/bad")
    made.get("http://a.example/bytes")
    made.put("http://a.example/", content=iter([b"stream"]))

    redirect, landing, packed, bad, binary, streamed = entries(recorder)
    assert redirect["request"]["url"].endswith("?key=s3cret")
    assert redirect["request"]["postData"] == {
        "mimeType": "application/x-www-form-urlencoded",
        "text": "password=s3cret",
    }
    assert redirect["response"]["redirectURL"] == "/new?code=s3cret"
    assert landing["response"]["content"] == {"size": 5, "mimeType": "text/plain", "text": "hello"}
    assert packed["response"]["content"]["text"] == "unpacked"
    assert packed["response"]["content"]["compression"] == 8 - packed["response"]["bodySize"]
    assert bad["response"]["content"]["text"] == "no gzip"
    assert base64.b64decode(binary["response"]["content"]["text"]) == b"\xff\xfe"
    assert binary["response"]["content"]["encoding"] == "base64"
    assert (streamed["request"]["bodySize"], "postData" in streamed["request"]) == (-1, False)


def test_large_bodies_are_left_out() -> None:
    recorder = HARRecorder(bodies=True, max_body=4)
    made = client(recorder)

    assert made.post("http://a.example/", content=b"large").content == b"hello"

    (entry,) = entries(recorder)
    assert "postData" not in entry["request"]
    assert entry["response"]["content"] == {"size": 5, "mimeType": "text/plain"}


def test_what_has_failed_is_an_entry() -> None:
    refused, broken = HARRecorder(), HARRecorder(bodies=True)

    with pytest.raises(courser.ConnectError):
        client(refused, ConnectionRefusedError(111, "refused")).get("http://a.example/")
    with pytest.raises(courser.TransportError):
        client(broken, Conditions(incoming=Fault(100, "close"))).get("http://a.example/")

    (entry,) = entries(refused)
    assert (entry["response"]["status"], entry["comment"]) == (0, "ConnectError")
    assert "connection" not in entry
    (entry,) = entries(broken)
    assert entry["comment"] in ("RemoteProtocolError", "TruncatedBody")


def test_what_is_under_way_is_no_entry_yet() -> None:
    recorder = HARRecorder()
    request = Request("GET", "http://a.example/")

    recorder(TraceEvent("request", 1.0, request))
    recorder(TraceEvent("interim", 1.0, request))
    assert entries(recorder) == []
    recorder(TraceEvent("head", 2.0, request, response=StaticReply.of(Response(204), request)))

    assert [entry["response"]["status"] for entry in entries(recorder)] == [204]
    assert repr(recorder) == "<HARRecorder 1 requests>"


def test_what_belongs_to_no_request_is_passed_over() -> None:
    recorder = HARRecorder()

    recorder(TraceEvent("closed", 1.0, connection=5))
    recorder(TraceEvent("created", 1.0, connection=5))
    recorder(TraceEvent("head", 1.0, Request("GET", "http://a.example/")))

    assert entries(recorder) == []


def test_addresses_are_known_as_long_as_their_connections() -> None:
    recorder = HARRecorder()

    def ask(*events: tuple[str, dict[str, Any]]) -> None:
        request = Request("GET", "http://a.example/")
        recorder(TraceEvent("request", 1.0, request))
        for name, facts in events:
            recorder(TraceEvent(name, 2.0, request, **facts))  # type: ignore[arg-type]
        recorder(TraceEvent("head", 2.0, request, response=StaticReply.of(Response(204), request)))
        recorder(TraceEvent("end", 2.0, request))

    ask(
        ("dns", {"seconds": 0.25, "detail": "a.example"}),
        ("connect", {"seconds": 0.5, "detail": "[::1]:80"}),
        ("tls", {"seconds": 0.125, "detail": "a.example"}),
        ("created", {"connection": 1}),
    )
    ask(("reused", {"connection": 1}))
    recorder(TraceEvent("closed", 3.0, connection=1))
    ask(("reused", {"connection": 1}))

    found = entries(recorder)
    assert [entry.get("serverIPAddress") for entry in found] == ["::1", "::1", None]
    timings = found[0]["timings"]
    assert (timings["dns"], timings["connect"], timings["ssl"]) == (250, 625, 125)


def test_the_oldest_are_forgotten() -> None:
    recorder = HARRecorder(max_entries=2)
    requests = [Request("GET", f"http://a.example/{number}") for number in range(4)]
    for request in requests[:2]:
        recorder(TraceEvent("request", 1.0, request))
    recorder(TraceEvent("end", 1.0, requests[0]))
    for request in requests[2:]:
        recorder(TraceEvent("request", 1.0, request))
    for request in requests:
        recorder(TraceEvent("error", 1.0, request, error=LookupError()))

    assert [entry["request"]["url"][-1] for entry in entries(recorder)] == ["2", "3"]


def test_a_file_is_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "a.har"
    with HARRecorder(file) as recorder:
        client(recorder).get("http://a.example/é")

    assert faults(json.loads(file.read_text("utf-8")), SCHEMA) == []
    assert file.stat().st_mode & 0o777 == 0o600
    recorder.save(tmp_path / "b.har")
    assert (tmp_path / "b.har").read_bytes() == file.read_bytes()


def test_without_a_path_nothing_is_written() -> None:
    with HARRecorder() as recorder:
        pass
    with pytest.raises(TypeError, match="no path"):
        recorder.save()


def test_the_check_of_records_finds_faults() -> None:
    assert faults({"log": {"version": 1, "creator": [], "entries": {}, "more": 1}}, SCHEMA) == [
        "har.log.version is 1",
        "har.log.creator is no object",
        "har.log.entries is no array",
        "har.log.more is unknown",
    ]


@pytest.mark.parametrize("whose", ["client", "call"])
@pytest.mark.parametrize("secrets", [False, True])
def test_what_the_client_calls_sensitive_is_not_recorded(whose: str, secrets: bool) -> None:
    """Of whichever client it is that a recorder follows, and of each hop."""

    def answer(request: ServerRequest) -> Reply:
        if request.target == "/":
            return Reply(status=302, headers={"Location": "/end", "X-Mine": "hidden-1"})
        return Reply(headers={"X-Mine": "hidden-2", "X-Other": "plain"})

    recorder = HARRecorder(secrets=secrets)
    client = courser.Client(
        network=MemoryNetwork(answer, conditions=CALM),
        sensitive_headers=["X-MINE"],
        trace=recorder if whose == "client" else None,
    )
    extensions = {"trace": recorder} if whose == "call" else {}
    client.get("http://a.example/", headers={"x-mine": "hidden-0", "X-Other": "plain"}, extensions=extensions)

    text = json.dumps(recorder.as_dict())
    assert [f"hidden-{number}" in text for number in range(3)] == [secrets] * 3
    assert text.count('"***"') == (0 if secrets else 4)
    assert text.count('"plain"') == 3


def test_what_goes_to_the_base_url_only_is_not_recorded() -> None:
    recorder = HARRecorder()
    network = MemoryNetwork(lambda request: Reply(), conditions=CALM)
    client = courser.Client(network=network, base_url="http://a.example/", headers={"X-Mine": "hidden"}, trace=recorder)

    client.get("x")

    assert "hidden" not in json.dumps(recorder.as_dict())


def test_what_is_no_address_is_left_out() -> None:
    recorder = HARRecorder()
    courser.Client(network=MemoryNetwork(lambda request: Reply(), conditions=CALM), trace=recorder).get(
        "http://a.example/"
    )

    assert "serverIPAddress" not in recorder.entries[0]
