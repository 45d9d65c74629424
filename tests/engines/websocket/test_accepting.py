"""The server's side of the handshake, RFC 6455 section 4.2 and RFC 8441."""

from __future__ import annotations

import pytest

from courser.engines.websocket.accepting import UPGRADE, Answer, answer_connect, answer_upgrade
from courser.engines.websocket.deflate import Deflate
from courser.engines.websocket.handshake import Agreement, Handshake
from courser.errors import LocalProtocolError

Pairs = list[tuple[str, str]]

WANTED = ("Sec-WebSocket-Version", "13")

GOOD = (
    "Host: server.example.com\r\n"
    "Upgrade: websocket\r\n"
    "Connection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n"
)
ANSWER = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
]


def lines(pairs: Pairs) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode()


def test_the_example_of_rfc_6455_1_3() -> None:
    assert answer_upgrade(b"GET", b"1.1", GOOD.encode()) == Answer(101, ANSWER, Agreement(None, None))


def test_the_server_prefers_and_the_client_offers() -> None:
    fields = (GOOD + "Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Protocol: x\r\n").encode()
    answer = answer_upgrade(b"GET", b"1.1", fields, subprotocols=["y", "superchat", "chat"])
    assert answer == Answer(101, [*ANSWER, ("Sec-WebSocket-Protocol", "superchat")], Agreement("superchat", None))
    assert answer_upgrade(b"GET", b"1.1", fields, subprotocols=["y"]) == Answer(101, ANSWER, Agreement(None, None))


def test_compression_is_used_if_both_sides_want_it() -> None:
    fields = (GOOD + "Sec-WebSocket-Extensions: other, permessage-deflate; client_max_window_bits\r\n").encode()
    wish = Deflate(client_max_window_bits=10)
    answer = answer_upgrade(b"GET", b"1.1", fields, deflate=wish)
    assert answer.fields[3:] == [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=10")]
    assert answer.agreement == Agreement(None, wish)
    assert answer_upgrade(b"GET", b"1.1", fields) == Answer(101, ANSWER, Agreement(None, None))
    assert answer_upgrade(b"GET", b"1.1", GOOD.encode(), deflate=wish) == Answer(101, ANSWER, Agreement(None, None))


REFUSED = {
    "another method": (b"POST", b"1.1", GOOD, 405, [("Allow", "GET")]),
    "another version of HTTP": (b"GET", b"1.0", GOOD, 400, []),
    "no upgrade": (b"GET", b"1.1", GOOD.replace("websocket", "h2c"), 426, [*UPGRADE]),
    "notwebsocket": (b"GET", b"1.1", GOOD.replace("websocket", "notwebsocket"), 426, [*UPGRADE]),
    "notupgrade": (b"GET", b"1.1", GOOD.replace(", Upgrade", ", notupgrade"), 400, []),
    "no key": (b"GET", b"1.1", GOOD.replace("-Key", "-Kez"), 400, []),
    "two keys": (b"GET", b"1.1", GOOD + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400, []),
    "a key that is too short": (b"GET", b"1.1", GOOD.replace("dGhl", ""), 400, []),
    "a key that is no base64": (b"GET", b"1.1", GOOD.replace("dGhl", "dG!l"), 400, []),
    "a key and more": (b"GET", b"1.1", GOOD.replace("ZQ==", "ZQ==AAAA"), 400, []),
    "no version": (
        b"GET",
        b"1.1",
        GOOD.replace("-Version", "-Versiom"),
        426,
        [*UPGRADE, WANTED],
    ),
    "another version": (b"GET", b"1.1", GOOD.replace("13", "8"), 426, [*UPGRADE, WANTED]),
    "two versions": (b"GET", b"1.1", GOOD.replace("13", "13, 8"), 426, [*UPGRADE, WANTED]),
    "bad subprotocols": (b"GET", b"1.1", GOOD + "Sec-WebSocket-Protocol: a b\r\n", 400, []),
    "bad extensions": (b"GET", b"1.1", GOOD + "Sec-WebSocket-Extensions: a;\r\n", 400, []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_handshake_is_answered_with_a_status(name: str) -> None:
    method, version, head, status, fields = REFUSED[name]
    answer = answer_upgrade(method, version, head.encode())
    assert (answer.status, answer.fields, answer.agreement) == (status, fields, None)
    assert answer.detail


def test_over_http_2_there_is_neither_upgrade_nor_proof() -> None:
    fields = (
        b"sec-websocket-version: 13\r\nsec-websocket-protocol: a\r\nsec-websocket-extensions: permessage-deflate\r\n"
    )
    answer = answer_connect(fields, subprotocols=["a"], deflate=Deflate())
    assert answer == Answer(
        200,
        [("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Extensions", "permessage-deflate")],
        Agreement("a", Deflate()),
    )
    assert answer_connect(b"").status == 426


@pytest.mark.parametrize("name", ["a\r\nX: y", "a b", ""])
def test_cve_2026_1527_a_subprotocol_of_ours_is_a_token(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        answer_upgrade(b"GET", b"1.1", GOOD.encode(), subprotocols=[name])
    with pytest.raises(LocalProtocolError):
        answer_connect(b"", subprotocols=[name])


@pytest.mark.parametrize("deflate", [None, Deflate(), Deflate(True, True, 9, 10)])
@pytest.mark.parametrize("subprotocols", [[], ["a"], ["b", "a"]])
def test_a_client_agrees_to_what_a_server_answers(deflate: Deflate | None, subprotocols: list[str]) -> None:
    asked = Handshake(subprotocols=subprotocols, deflate=deflate)

    over_1 = answer_upgrade(b"GET", b"1.1", lines(asked.request_fields()), subprotocols=["a"], deflate=Deflate())
    assert asked.check(over_1.status, lines(over_1.fields)) == over_1.agreement
    over_2 = answer_connect(lines(asked.connect_fields()), subprotocols=["a"], deflate=Deflate())
    assert asked.check_connect(over_2.status, lines(over_2.fields)) == over_2.agreement
    assert over_1.agreement == over_2.agreement == Agreement("a" if subprotocols else None, deflate)
