"""The client's side of the handshake, RFC 6455 section 4.1 and RFC 8441 section 5."""

from __future__ import annotations

from base64 import b64decode

import pytest

from courser.engines.websocket import handshake
from courser.engines.websocket.deflate import Deflate
from courser.engines.websocket.handshake import Agreement, Handshake, accept_of, check_subprotocols
from courser.errors import HandshakeRefused, LocalProtocolError

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455 section 1.3."""

GOOD = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n"
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


def asked(subprotocols: tuple[str, ...] = (), deflate: Deflate | None = None) -> Handshake:
    made = Handshake(subprotocols=subprotocols, deflate=deflate)
    made.key = KEY
    return made


def test_the_digest_is_that_of_rfc_6455_1_3() -> None:
    assert accept_of(KEY.encode()) == ACCEPT.encode()


def test_what_is_asked_for_over_http_1() -> None:
    made = Handshake(subprotocols=["chat", "v2.chat"], deflate=Deflate())
    assert made.request_fields() == [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", made.key),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "chat, v2.chat"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ]


def test_what_is_asked_for_over_http_2_has_neither_upgrade_nor_key() -> None:
    assert Handshake(subprotocols=["chat"], deflate=Deflate(level=1)).connect_fields() == [
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "chat"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ]
    assert Handshake().connect_fields() == [("Sec-WebSocket-Version", "13")]


def test_a_key_is_16_bytes_that_nobody_can_foresee() -> None:
    keys = {Handshake().key for _ in range(100)}
    assert len(keys) == 100
    assert {len(b64decode(key)) for key in keys} == {16}


BAD_NAMES = ["", "a b", "a,b", "a\r\nX: y", "a\n", "\0", "\x7f", "\xe9", "\u010d", "\u010a", "\ud800", '"a"', "a;b"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_cve_2026_1527_websockets_16_1_a_subprotocol_is_a_token(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="no name of a subprotocol"):
        Handshake(subprotocols=["fine", name])


def test_subprotocols_are_several_names_each_once() -> None:
    with pytest.raises(LocalProtocolError, match="named twice"):
        check_subprotocols(["a", "b", "a"])
    with pytest.raises(LocalProtocolError, match="not one string"):
        check_subprotocols("chat")
    check_subprotocols(["a", "A"])


def test_a_window_that_cannot_be_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(LocalProtocolError, match="must be 9 to 15"):
        Handshake(deflate=Deflate(client_max_window_bits=8))


@pytest.mark.parametrize(
    ("fields", "agreement"),
    [
        (GOOD, Agreement(None, None)),
        (GOOD.replace("websocket", "WebSocket").replace(": Upgrade", ": keep-alive,\tUPGRADE "), Agreement(None, None)),
        (GOOD + "Sec-WebSocket-Protocol: b\r\n", Agreement("b", None)),
        (GOOD + DEFLATE, Agreement(None, Deflate())),
        (GOOD + "Sec-WebSocket-Extensions: \r\n", Agreement(None, None)),
        (
            GOOD + "Sec-WebSocket-Protocol: a\r\n" + DEFLATE.replace("\r", ";server_max_window_bits=9\r"),
            Agreement("a", Deflate(server_max_window_bits=9)),
        ),
    ],
)  # fmt: skip
def test_answers_that_agree(fields: str, agreement: Agreement) -> None:
    assert asked(("a", "b"), Deflate()).check(101, fields.encode()) == agreement


REFUSED = {
    "no upgrade": (101, GOOD.replace("Upgrade: websocket\r\n", ""), "does not upgrade"),
    "upgrade to something that only contains the word": (101, GOOD.replace("websocket", "notwebsocket"), "not upgrade"),
    "upgrade to more": (101, GOOD.replace("websocket", "websocket, h2c"), "does not upgrade"),
    "upgrade twice": (101, GOOD + "Upgrade: websocket\r\n", "does not upgrade"),
    "no connection": (101, GOOD.replace("Connection: Upgrade\r\n", ""), "Connection"),
    "notupgrade": (101, GOOD.replace(": Upgrade", ": notupgrade"), "Connection"),
    "no proof": (101, GOOD.replace("Accept", "Accepted"), "does not answer our key"),
    "the proof of another key": (101, GOOD.replace(ACCEPT, "A" + ACCEPT[1:]), "does not answer our key"),
    "no more than the beginning of the proof": (101, GOOD.replace(ACCEPT, ACCEPT[:-2]), "does not answer our key"),
    "the key for a proof": (101, GOOD.replace(ACCEPT, KEY), "does not answer our key"),
    "two proofs": (101, GOOD + f"Sec-WebSocket-Accept: {ACCEPT}\r\n", "does not answer our key"),
    "bytes that are no ASCII": (101, GOOD.replace(ACCEPT, "\xe9"), "does not answer our key"),
    "200": (200, GOOD, "answered with 200, not with 101"),
    "404": (404, "", "answered with 404"),
    "a subprotocol that was not offered": (101, GOOD + "Sec-WebSocket-Protocol: c\r\n", "c, which was not offered"),
    "one in another case": (101, GOOD + "Sec-WebSocket-Protocol: A\r\n", "was not offered"),
    "two subprotocols": (101, GOOD + "Sec-WebSocket-Protocol: a, b\r\n", "not choose one"),
    "in two fields": (101, GOOD + "Sec-WebSocket-Protocol: a\r\n" * 2, "not choose one"),
    "an empty one": (101, GOOD + "Sec-WebSocket-Protocol:\r\n", "not choose one"),
    "a subprotocol that is none": (101, GOOD + "Sec-WebSocket-Protocol: a b\r\n", "list of tokens"),
    "an extension that was not offered": (101, GOOD + DEFLATE.replace("permessage", "perframe"), "was not offered"),
    "an extension twice": (101, GOOD + DEFLATE * 2, "was not offered"),
    "a parameter that is none": (101, GOOD + DEFLATE.replace("deflate", "deflate; x"), "unknown"),
    "an extension without grammar": (101, GOOD + DEFLATE.replace("deflate", "deflate;"), "breaks the grammar"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_cve_2026_69243_ghsa_mfx4_hv73_q22v_anything_else_is_no_websocket(name: str) -> None:
    status, fields, text = REFUSED[name]
    with pytest.raises(HandshakeRefused, match=text):
        asked(("a", "b"), Deflate()).check(status, fields.encode("latin-1"))


def test_what_was_not_asked_for_is_refused() -> None:
    with pytest.raises(HandshakeRefused, match="was not offered"):
        asked().check(101, (GOOD + DEFLATE).encode())
    with pytest.raises(HandshakeRefused, match="was not offered"):
        asked().check(101, (GOOD + "Sec-WebSocket-Protocol: a\r\n").encode())


def test_cve_2021_33880_the_proof_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(handshake, "compare_digest", lambda one, other: compared.append((one, other)))
    with pytest.raises(HandshakeRefused):
        asked().check(101, GOOD.encode())
    assert compared == [(ACCEPT.encode(), ACCEPT.encode())]


@pytest.mark.parametrize("status", [200, 204, 299])
def test_over_http_2_any_2xx_agrees_without_upgrade_and_proof(status: int) -> None:
    assert asked().check_connect(status, b"") == Agreement(None, None)
    fields = (DEFLATE + "sec-websocket-protocol: a\r\n").encode()
    assert asked(("a",), Deflate()).check_connect(status, fields) == Agreement("a", Deflate())


def test_over_http_2_anything_else_is_a_refusal() -> None:
    for status in (101, 199, 300, 401, 502):
        with pytest.raises(HandshakeRefused, match=f"answered with {status}, not with 2xx"):
            asked().check_connect(status, GOOD.encode())
    with pytest.raises(HandshakeRefused, match="was not offered"):
        asked().check_connect(200, DEFLATE.encode())
