"""The client's side: what it asks for, how it reads answers, and how both engines get on with each other."""

from __future__ import annotations

import h2wire as wire
import pytest
from h2wire import Pair, body, client, get, heads, parse, told
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.events import END, RequestHead, ResponseHead
from courser.engines.hpack import Decoder, HPACKFault
from courser.engines.http2 import HTTP2_LIMITS, ClientEngine, ErrorCode, Stream
from courser.engines.http2 import client as module
from courser.engines.http2 import kept as kept_module
from courser.errors import LocalProtocolError, RemoteProtocolError
from courser.values.fields import FieldBlock

Fields = list[tuple[bytes, bytes]]

FIELDS = FieldBlock(b"User-Agent: courser\r\nAccept: */*\r\nX-Trace: 1\r\n")


class Reader:
    """Decodes what a client sends, as a server would."""

    def __init__(self, engine: ClientEngine) -> None:
        self.engine = engine
        self.decoder = Decoder()

    def head(self) -> tuple[Fields, bool]:
        """The one head that waits, and whether the stream ends with it."""
        fields: Fields = []
        ended = False
        block = b""
        for each in parse(self.engine.outgoing()):
            assert each.kind in (wire.HEADERS, wire.CONTINUATION)
            block += each.payload
            ended = ended or (each.kind == wire.HEADERS and bool(each.flags & wire.END_STREAM))
            if each.flags & wire.END_HEADERS:
                fields += self.decoder.decode(block)
                block = b""
        return fields, ended


def reading(*pairs: tuple[int, int]) -> tuple[ClientEngine, Reader]:
    engine = client(*pairs)
    return engine, Reader(engine)


# Asking.


def test_a_head_is_sent() -> None:
    engine, reader = reading()
    stream = engine.start(b"GET", b"/a?b=c", b"h:1", b"Accept: */*\r\nX-Y: z\r\n", -1)

    assert reader.head() == (
        [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", b"h:1"),
            (b":path", b"/a?b=c"),
            (b"accept", b"*/*"),
            (b"x-y", b"z"),
        ],
        True,
    )
    assert (stream.id, stream.sent, stream.received) == (1, True, False)


@pytest.mark.parametrize(
    ("method", "length", "said", "ended"),
    [
        (b"GET", -1, [], True),
        (b"DELETE", -1, [], True),
        (b"POST", -1, [(b"content-length", b"0")], True),
        (b"PUT", -1, [(b"content-length", b"0")], True),
        (b"PATCH", 0, [(b"content-length", b"0")], True),
        (b"POST", 5, [(b"content-length", b"5")], False),
        (b"POST", None, [], False),
        (b"GET", 7, [(b"content-length", b"7")], False),
    ],
)
def test_the_length_of_the_body_is_said(method: bytes, length: int | None, said: Fields, ended: bool) -> None:
    engine, reader = reading()
    for _ in range(4):
        stream = engine.start(method, b"/", b"h", FIELDS, length)
        fields, end = reader.head()

        assert fields[7:] == said
        assert (end, stream.sent) == (ended, ended)


def test_equal_requests_become_small_and_stay_what_they_are() -> None:
    engine, reader = reading()
    sizes = []
    for turn in range(6):
        engine.start(b"GET", b"/%d" % turn, b"h", FIELDS, -1)
        sizes.append(sum(map(len, engine._outbox.heads)))
        fields, _ = reader.head()
        assert fields[3] == (b":path", b"/%d" % turn)
        assert fields[4:] == [(b"user-agent", b"courser"), (b"accept", b"*/*"), (b"x-trace", b"1")]

    assert sizes[3:] == sizes[-1:] * 3
    assert sizes[-1] < sizes[0] / 2


def test_requests_of_two_kinds_do_not_disturb_each_other() -> None:
    engine, reader = reading()
    for turn in range(8):
        name = b"abc"[turn % 3 : turn % 3 + 1]
        engine.start(b"GET", b"/", b"h", b"X-%b: %b\r\n" % (name, name), -1)
        assert reader.head()[0][4:] == [(b"x-" + name, name)]


def test_a_new_size_of_the_table_is_followed_at_once() -> None:
    engine, reader = reading()
    for turn in range(12):
        if turn in (4, 8):
            engine.receive(wire.settings((1, 0 if turn == 4 else 4096)), 0.0)
            assert engine.outgoing() == wire.SETTINGS_ACK
        engine.start(b"GET", b"/", b"h", FIELDS, -1)
        assert reader.head()[0][4:] == [(b"user-agent", b"courser"), (b"accept", b"*/*"), (b"x-trace", b"1")]


def test_secrets_never_enter_a_table() -> None:
    engine, reader = reading()
    for _ in range(4):
        engine.start(b"GET", b"/", b"h", b"Authorization: Basic eA==\r\nCookie: a=b\r\n", -1)
        assert reader.head()[0][4:] == [(b"authorization", b"Basic eA=="), (b"cookie", b"a=b")]

    engine.start(b"GET", b"/", b"h", b"Authorization: Basic eA==\r\nCookie: a=b\r\n", -1)
    block = parse(engine.outgoing())[0].payload
    # Never indexed (RFC 7541 section 6.2.3): four bits 0001, then the index of the name.
    assert b"\x1f\x08" in block
    assert b"\x1f\x11" in block


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    monkeypatch.setattr(kept_module, "MOST", 4)
    engine, reader = reading()
    for turn in range(20):
        for _ in range(4):
            engine.start(b"GET", b"/%d" % turn, b"h", b"X: %d\r\n" % turn, -1)
            assert reader.head()[0][3:] == [(b":path", b"/%d" % turn), (b"x", b"%d" % turn)]
        assert len(engine._blocks) <= 4
        assert len(engine._paths) <= 4
    for turn in range(20):
        engine.start(b"GET", b"/", b"h", b"Authorization: %d\r\n" % turn, -1)
        assert reader.head()[0][4:] == [(b"authorization", b"%d" % turn)]
        assert len(engine._blocks) <= 4
    kept = (dict(engine._blocks), dict(engine._paths))
    for _ in range(4):
        engine.start(b"GET", b"/" + b"a" * 5000, b"h", b"X: %b\r\n" % (b"y" * 5000), -1)
        assert len(reader.head()[0]) == 5
    assert (engine._blocks, engine._paths) == kept


def test_a_head_too_large_for_one_frame_goes_on_in_the_next() -> None:
    engine, reader = reading()
    large = b"\x80" * 20_000
    for _ in range(3):
        engine.start(b"POST", b"/", b"h", FieldBlock(b"X: %b\r\n" % large), None)
        kinds = [part.kind for part in parse(b"".join(engine._outbox.heads))]
        assert kinds[0] == wire.HEADERS
        assert set(kinds[1:]) == {wire.CONTINUATION}
        fields, ended = reader.head()
        assert fields[4:] == [(b"x", large)]
        assert not ended


def test_the_server_bounds_heads() -> None:
    engine = client((6, 300))
    engine.start(b"GET", b"/", b"h", b"", -1)
    for _ in range(4):
        engine.start(b"GET", b"/", b"h", b"A: b\r\n", -1)
    before = engine._next

    with pytest.raises(LocalProtocolError, match="larger than the 300 bytes"):
        engine.start(b"GET", b"/" + b"x" * 200, b"h", b"A: b\r\n", -1)
    with pytest.raises(LocalProtocolError, match="larger than the 300 bytes"):
        engine.start(b"GET", b"/", b"h", b"A: %b\r\n" % (b"b" * 300), -1)
    assert engine._next == before


REFUSED: dict[str, tuple[bytes, bytes, bytes, bytes, int | None, bytes, bytes]] = {
    "CVE-2023-49082 a line break in the method": (b"GET\r\n", b"/", b"h", b"", -1, b"https", b""),
    "a space in the target": (b"GET", b"/ ", b"h", b"", -1, b"https", b""),
    "no target": (b"GET", b"", b"h", b"", -1, b"https", b""),
    "no authority": (b"GET", b"/", b"", b"", -1, b"https", b""),
    "a bad authority": (b"GET", b"/", b"h\n", b"", -1, b"https", b""),
    "CVE-2025-57804 a line break in a value": (b"GET", b"/", b"h", b"A: b\nC: d\r\n", -1, b"https", b""),
    "a bad name": (b"GET", b"/", b"h", b"A b: c\r\n", -1, b"https", b""),
    "another Host": (b"GET", b"/", b"h", b"Host: i\r\n", -1, b"https", b""),
    "a length": (b"GET", b"/", b"h", b"Content-Length: 1\r\n", -1, b"https", b""),
    "fewer bytes than none": (b"GET", b"/", b"h", b"", -2, b"https", b""),
    "a bad scheme": (b"GET", b"/", b"h", b"", -1, b"", b""),
    "a protocol of GET": (b"GET", b"/", b"h", b"", -1, b"https", b"websocket"),
    "a protocol that the server does not know": (b"CONNECT", b"/", b"h", b"", -1, b"https", b"websocket"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_request_leaves_the_engine_as_it_was(name: str) -> None:
    engine, reader = reading()

    for _ in range(2):
        with pytest.raises(LocalProtocolError):
            engine.start(*REFUSED[name])

    assert engine.is_idle
    assert not engine.wants_to_send
    assert get(engine).id == 1
    assert len(reader.head()[0]) == 4


def test_connect_has_neither_scheme_nor_path() -> None:
    """RFC 9113 section 8.5."""
    engine, reader = reading()
    get(engine, b"/")
    reader.head()
    for length in (-1, None):
        stream = engine.start(b"CONNECT", b"/", b"h:443", b"", length)

        assert reader.head() == ([(b":method", b"CONNECT"), (b":authority", b"h:443")], False)
        assert not stream.sent


def test_a_tunnel_ends_when_it_is_said() -> None:
    engine = client()
    stream = engine.start(b"CONNECT", b"h:443", b"h:443", b"", -1)
    engine.receive(wire.response(1, ("content-length", "1")) + wire.data(1, b"any") + wire.data(1, b"thing"), 0.0)
    engine.send_data(stream, b"x")
    engine.send_end(stream)
    engine.outgoing()

    assert body(stream.take()) == b"anything"
    engine.receive(wire.data(1, b"", end=True), 0.0)
    assert stream.take() == [END]
    assert stream.closed


def test_a_tunnel_that_is_refused_is_a_response() -> None:
    engine = client()
    stream = engine.start(b"CONNECT", b"h:443", b"h:443", b"", -1)
    engine.receive(wire.response(1, ("content-length", "2"), status="407") + wire.data(1, b"no!"), 0.0)

    assert "more DATA than Content-Length says" in str(stream.error)


def test_extended_connect() -> None:
    """RFC 8441 section 4."""
    engine, reader = reading((8, 1))
    for _ in range(3):
        stream = engine.start(b"CONNECT", b"/chat", b"h", b"", None, b"https", b"websocket")

        assert reader.head() == (
            [
                (b":method", b"CONNECT"),
                (b":protocol", b"websocket"),
                (b":scheme", b"https"),
                (b":authority", b"h"),
                (b":path", b"/chat"),
            ],
            False,
        )
        assert not stream.sent


# How many at once.


def test_no_more_than_the_server_takes() -> None:
    engine = client((3, 2))
    assert engine.capacity == 2
    get(engine)
    stream = get(engine)
    assert engine.capacity == 0

    with pytest.raises(LocalProtocolError, match="2 requests are open"):
        get(engine)
    engine.receive(wire.response(stream.id, end=True), 0.0)
    assert engine.capacity == 1
    engine.receive(wire.settings((3, 0)), 0.0)
    assert engine.capacity == 0


def test_identifiers_run_out() -> None:
    engine = client()
    engine._next = 2**31 - 3
    assert (get(engine).id, engine.draining) == (2**31 - 3, False)
    stream = get(engine)

    assert (stream.id, engine.draining, engine.capacity) == (2**31 - 1, True, 0)
    with pytest.raises(LocalProtocolError, match="takes no more requests"):
        get(engine)
    engine.receive(wire.response(2**31 - 1, end=True), 0.0)
    assert stream.received


PONG = wire.frame(wire.PING, wire.ACK, 0, b"courserR")


def test_cve_2023_44487_resets_are_paced() -> None:
    """The place of a stream should be taken when the server has surely seen that it was reset, and may be before."""
    engine = client((3, 4))
    for _ in range(3):
        engine.reset(get(engine))
    assert engine.is_idle
    assert engine.capacity == 1
    assert wire.kinds(engine.outgoing()) == [1, 3, 6, 1, 3, 1, 3]

    engine.receive(PONG, 0.0)
    assert engine.capacity == 2
    assert wire.kinds(engine.outgoing()) == [6]
    engine.receive(PONG, 0.0)
    assert engine.capacity == 4
    assert engine.outgoing() == b""

    engine.reset(get(engine))
    for _ in range(4):
        get(engine)
    assert engine.capacity == 0
    with pytest.raises(LocalProtocolError, match="4 requests are open"):
        get(engine)


def test_other_pings_say_nothing_about_resets() -> None:
    engine = client((3, 4))
    engine.ping()
    engine.reset(get(engine))
    engine.receive(wire.frame(wire.PING, wire.ACK, 0, b"00000001"), 0.0)

    assert (engine.ponged, engine.capacity) == (1, 3)


@pytest.mark.parametrize(("number", "text"), [(1, "is closed"), (2, "has not begun"), (3, "has not begun")])
def test_streams_that_a_server_may_not_use(number: int, text: str) -> None:
    engine = client()
    get(engine)
    engine.receive(wire.response(1, end=True), 0.0)
    engine.outgoing()
    engine.receive(wire.data(number, b"x"), 0.0)

    assert f"stream {number}, which {text}" in str(engine.error)
    assert parse(engine.outgoing())[-1].payload[:4] == bytes(4)


def test_a_stream_that_is_over_is_not_reset() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.response(1, end=True), 0.0)
    engine.outgoing()
    engine.reset(stream)

    assert engine.outgoing() == b""
    assert engine.capacity == 2**31 - 1


# Answers.


def answered(answer: bytes, method: bytes = b"GET") -> tuple[ClientEngine, Stream]:
    engine = client()
    stream = get(engine, method=method)
    engine.outgoing()
    engine.receive(answer, 0.0)
    return engine, stream


def test_a_head_is_told() -> None:
    stream = answered(wire.response(1, ("server", "x"), ("content-length", "3"), status="404"))[1]
    (head,) = stream.events

    assert isinstance(head, ResponseHead)
    assert (head.status, head.reason, head.version, head.length) == (404, b"Not Found", b"2", 3)
    assert head.fields == b"server: x\r\ncontent-length: 3\r\n"


def test_equal_blocks_are_one_head() -> None:
    engine = client()
    found = []
    for number in (1, 3):
        stream = get(engine)
        engine.receive(wire.response(number, ("a", "b")) + wire.data(number, b"x", end=True), 0.0)
        found.append(stream.events[0])

    assert found[0] is found[1]


@pytest.mark.parametrize(
    "fields",
    [[("set-cookie", "a=b")], [("x", "y" * 5000)]],
)
def test_some_heads_are_not_kept(fields: list[tuple[str, str]]) -> None:
    engine = client()
    found = []
    for number in (1, 3):
        stream = get(engine)
        engine.receive(wire.response(number, *fields, end=True), 0.0)
        found.append(stream.events[0])

    assert found[0] is not found[1]
    assert engine._known == {}


def test_a_small_block_that_means_a_large_head_is_not_kept() -> None:
    engine = client()
    get(engine), get(engine)
    engine.receive(wire.frame(wire.HEADERS, 5, 1, wire.block((":status", "200"), ("a", "b" * 2000), flags=0x40)), 0.0)
    engine.receive(wire.frame(wire.HEADERS, 5, 3, b"\xbf" + b"\xbe" * 3), 0.0)

    assert engine._known == {}


def test_heads_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    engine = client()
    for turn in range(10):
        stream = get(engine)
        engine.receive(wire.response(stream.id, ("a", str(turn)), end=True), 0.0)
        assert 1 <= len(engine._known) <= 3


def test_a_kept_head_is_forgotten_when_the_table_changes() -> None:
    engine = client()
    indexed = wire.block((":status", "200")) + b"\xbe"
    for turn, value in enumerate(("first", "second")):
        one, two = get(engine), get(engine)
        into = wire.block((":status", "200")) + wire.block(("a", value), flags=0x40)
        engine.receive(wire.frame(wire.HEADERS, 5, one.id, into), 0.0)
        assert engine._known == {}
        engine.receive(wire.frame(wire.HEADERS, 5, two.id, indexed), 0.0)
        assert len(engine._known) == 1
        assert [head.fields for head in heads([*one.events, *two.events])] == [b"a: %b\r\n" % value.encode()] * 2
        assert turn < 2


@pytest.mark.parametrize("end", [False, True])
def test_a_head_that_adds_to_the_table_is_kept_when_it_comes_again(end: bool) -> None:
    """As nginx sends them: every field is entered, and none is referred to."""
    engine = client()
    block = wire.block((":status", "200")) + wire.block(("server", "x"), ("date", "y"), flags=0x40)
    found = []
    for turn in range(5):
        stream = get(engine)
        engine.receive(wire.frame(wire.HEADERS, 5 if end else 4, stream.id, block), 0.0)
        found.append(heads(stream.events)[0])
        assert len(engine._known) == (turn > 0)
    last = get(engine)
    engine.receive(wire.frame(wire.HEADERS, 5, last.id, wire.block((":status", "200")) + b"\xbe\xc7"), 0.0)

    assert found[1] is not found[0]
    assert found[2] is found[3] is found[4]
    assert heads(last.events)[0].fields == b"date: y\r\nserver: x\r\n"


def test_a_head_that_refers_to_the_table_is_forgotten_when_another_is_replayed() -> None:
    engine = client()
    adds = wire.block((":status", "200")) + wire.block(("a", "1"), flags=0x40)
    refers = wire.block((":status", "200")) + b"\xbe\xbf"
    blocks = [adds, adds, wire.block(("b", "2"), flags=0x40), refers, adds, refers]
    blocks[2] = wire.block((":status", "200")) + blocks[2]
    found = []
    for block in blocks:
        stream = get(engine)
        engine.receive(wire.frame(wire.HEADERS, 4, stream.id, block), 0.0)
        found.append(heads(stream.events)[0].fields)

    assert found == [b"a: 1\r\n", b"a: 1\r\n", b"b: 2\r\n", b"b: 2\r\na: 1\r\n", b"a: 1\r\n", b"a: 1\r\nb: 2\r\n"]


def test_a_head_that_refers_and_adds_is_decoded_each_time() -> None:
    engine = client()
    adds = wire.block((":status", "200")) + wire.block(("a", "1"), flags=0x40)
    both = wire.block((":status", "200")) + b"\xbe" + wire.block(("b", "2"), flags=0x40)
    found = []
    for block in (adds, both, both, both):
        stream = get(engine)
        engine.receive(wire.frame(wire.HEADERS, 5, stream.id, block), 0.0)
        found.append(heads(stream.events)[0].fields)

    assert found == [b"a: 1\r\n", b"a: 1\r\nb: 2\r\n", b"b: 2\r\nb: 2\r\n", b"b: 2\r\nb: 2\r\n"]
    assert engine._known == {}


def test_a_head_that_means_the_same_for_ever_is_read_once() -> None:
    engine = client()
    found = []
    for _ in range(3):
        stream = get(engine)
        engine.receive(wire.frame(wire.HEADERS, 4, stream.id, b"\x88"), 0.0)
        found.append(heads(stream.events)[0])

    assert found[0] is found[1] is found[2]


def test_a_block_that_adds_to_the_table_is_kept_and_still_adds() -> None:
    engine = client()
    adding = wire.block((":status", "200")) + wire.block(("a", "1"), ("b", "2"), flags=0x40)
    found = []
    for turn in range(5):
        for block in (adding, adding, wire.block((":status", "200")) + b"\xbe\xbf"):
            stream = get(engine)
            flags = wire.END_HEADERS | (wire.END_STREAM if turn > 2 else 0)
            engine.receive(wire.frame(wire.HEADERS, flags, stream.id, block), 0.0)
            found.append(heads(stream.events)[0])

    once, twice, referred = found[::3], found[1::3], found[2::3]
    assert {head.fields for head in (*once, *twice)} == {b"a: 1\r\nb: 2\r\n"}
    assert {head.fields for head in referred} == {b"b: 2\r\na: 1\r\n"}
    assert len({id(head) for head in (*once[1:], *twice)}) == 1


PLAIN = st.tuples(st.sampled_from(["a", "b", "server"]), st.sampled_from(["1", "2", "x" * 1500]))


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(PLAIN, max_size=3), st.booleans(), st.booleans()), max_size=40))
def test_what_is_kept_never_means_anything_else(
    turns: list[tuple[int, list[tuple[str, str]], bool, bool]],
) -> None:
    """Blocks that add to the table, refer to it, do both or neither, on streams that live and on one that does not."""
    engine, decoder = client(), Decoder()
    dead = get(engine)
    engine.reset(dead)
    for kind, fields, again, lives in turns:
        block = wire.block((":status", "200"))
        for _ in range(1 + again):
            block += wire.block(*fields, flags=0x40 if kind & 1 else 0)
        if kind & 2:
            block += b"\xbe"
        stream = get(engine) if lives else dead
        engine.receive(wire.frame(wire.HEADERS, wire.END_HEADERS, stream.id, block), 0.0)
        try:
            expected = decoder.decode(block)[1:]
        except HPACKFault:
            assert engine.error is not None
            return
        assert engine.error is None
        if lives:
            assert heads(stream.events)[0].fields == b"".join(b"%b: %b\r\n" % field for field in expected)


def test_a_table_may_change_on_a_stream_that_was_reset() -> None:
    engine = client()
    gone, kept, other = get(engine), get(engine), get(engine)
    engine.receive(wire.frame(wire.HEADERS, 4, kept.id, wire.block((":status", "200"), ("a", "b"), flags=0x40)), 0.0)
    engine.reset(gone)
    engine.receive(wire.frame(wire.HEADERS, 4, gone.id, wire.block((":status", "404"), ("c", "d"), flags=0x40)), 0.0)
    engine.receive(wire.frame(wire.HEADERS, 5, other.id, b"\xbf\xbe"), 0.0)

    assert heads(other.events)[0].fields == b"c: d\r\n"


@pytest.mark.parametrize("end", [False, True])
def test_a_kept_head_means_what_the_request_makes_of_it(end: bool) -> None:
    engine = client()
    answer = [("content-length", "2")]
    for method in (b"GET", b"HEAD", b"GET", b"HEAD"):
        stream = get(engine, method=method)
        engine.receive(wire.response(stream.id, *answer, end=end and method == b"HEAD"), 0.0)
        if not stream.received:
            engine.receive(wire.data(stream.id, b"hi" if method == b"GET" else b"", end=True), 0.0)
        assert stream.error is None
        assert body(stream.events) == (b"hi" if method == b"GET" else b"")
        assert stream.closed


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", "200"), (b"GET", "204"), (b"GET", "304")])
def test_responses_that_have_no_body(method: bytes, status: str) -> None:
    answer = wire.response(1, ("content-length", "9"), status=status)
    assert answered(answer, method)[1].received is False
    engine, stream = answered(wire.response(1, ("content-length", "9"), status=status, end=True), method)
    assert (stream.error, stream.received) == (None, True)

    engine, stream = answered(answer + wire.data(1, b"x"), method)
    assert "where there is no body" in str(stream.error)
    assert engine.outgoing() == wire.rst(1, ErrorCode.PROTOCOL_ERROR)


def test_interim_heads_come_before_the_final_one() -> None:
    engine, stream = answered(wire.response(1, ("link", "x"), status="103") + wire.response(1, status="200"))

    assert [head.status for head in heads(stream.events) if isinstance(head, ResponseHead)] == [103, 200]
    assert engine.error is stream.error is None
    assert len(engine._known) == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (wire.response(1, status="101"), "101 (Switching Protocols)"),
        (wire.response(1, status="103", end=True), "the response ends after an interim head"),
        (wire.response(1, status="103") * (HTTP2_LIMITS.interim + 1), "more than 32 interim responses"),
        (wire.response(1, status="103") + wire.data(1, b"x"), "DATA before the head"),
    ],
)
def test_interim_heads_that_may_not_be(answer: bytes, text: str) -> None:
    engine, stream = answered(answer)

    assert isinstance(stream.error, RemoteProtocolError)
    assert text in str(stream.error)
    assert engine.error is None


# Both engines.


def serve(pair: Pair, number: int, status: int = 200, content: bytes | None = None, *, trailers: bytes = b"") -> None:
    """Answer a request."""
    stream = pair.served[number]
    pair.server.respond(stream, status, b"Server: mirror\r\n", -1 if content is None else None)
    if content is not None:
        pair.server.send_data(stream, content)
        pair.server.send_end(stream, trailers)


TINY = HTTP2_LIMITS._replace(stream_window=1000, max_stream_window=1000, connection_window=65535)


@pytest.mark.parametrize("limits", [HTTP2_LIMITS, TINY])
@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 300_000])
def test_bodies_both_ways(limits: object, size: int) -> None:
    pair = Pair(HTTP2_LIMITS if limits is HTTP2_LIMITS else TINY)
    content = bytes(count % 251 for count in range(size))
    stream = pair.client.start(b"POST", b"/", b"h", b"A: b\r\n", size)
    pair.client.send_data(stream, content)
    pair.client.send_end(stream)
    pair.pump()
    serve(pair, 1, 201, content, trailers=b"T: u\r\n")
    pair.pump()

    asked, got = pair.got(stream, "server"), pair.got(stream)
    assert asked[1:] == [*([content] if content else []), ("end", b"")]
    assert got[1:] == [*([content] if content else []), ("end", b"t: u\r\n")]
    assert stream.closed
    assert pair.served[1].closed
    assert (pair.client.error, pair.server.error) == (None, None)


def test_a_hundred_streams_at_once() -> None:
    pair = Pair(TINY)
    streams = []
    for turn in range(100):
        stream = pair.client.start(b"POST", b"/%d" % turn, b"h", b"", None)
        pair.client.send_data(stream, b"%d" % turn * 700)
        pair.client.send_end(stream, b"N: %d\r\n" % turn)
        streams.append(stream)
    pair.step()
    for number in sorted(pair.served):
        serve(pair, number, content=b"%d" % number * 900)
    pair.pump()

    for turn, stream in enumerate(streams):
        assert pair.got(stream, "server")[1:] == [b"%d" % turn * 700, ("end", b"n: %d\r\n" % turn)]
        assert pair.got(stream)[1:] == [b"%d" % stream.id * 900, ("end", b"")]
    assert pair.client.is_idle
    assert pair.server.is_idle
    assert (pair.client._inflow.unread, pair.server._inflow.unread) == (0, 0)


def test_expectation_and_interim_heads() -> None:
    pair = Pair()
    stream = pair.client.start(b"PUT", b"/", b"h", b"Expect: 100-continue\r\n", 2)
    pair.pump()
    (head,) = heads(pair.events["server", 1])
    assert isinstance(head, RequestHead)
    assert head.expects_continue

    pair.server.send_interim(pair.served[1], 100)
    pair.server.send_interim(pair.served[1], 103, b"Link: x\r\n")
    pair.pump()
    pair.client.send_data(stream, b"ok")
    pair.client.send_end(stream)
    serve(pair, 1)
    pair.pump()

    assert [head.status for head in heads(pair.events["client", 1]) if isinstance(head, ResponseHead)] == [
        100,
        103,
        200,
    ]
    assert stream.closed


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("by", ["client", "server"])
def test_a_reset_at_every_step(by: str, steps: int) -> None:
    """Whatever was under way, only that stream ends, and the next one is as good as the first."""
    pair = Pair(TINY)
    stream = get(pair.client, method=b"POST", length=None)
    pair.client.send_data(stream, bytes(5000))
    answered = False
    for _ in range(steps):
        pair.step()
        if not answered and 1 in pair.served:
            answered = True
            serve(pair, 1, content=bytes(3000))
    if by == "client":
        pair.client.reset(stream)
    elif 1 in pair.served:
        pair.server.reset(pair.served[1], ErrorCode.INTERNAL_ERROR)
    else:
        pair.client.reset(stream)
    pair.pump()

    assert stream.closed
    assert all(served.closed for served in pair.served.values())
    other = get(pair.client)
    pair.pump()
    serve(pair, other.id, content=b"well")
    pair.pump()
    assert pair.got(other)[1:] == [b"well", ("end", b"")]
    assert (pair.client.error, pair.server.error) == (None, None)
    assert (pair.client._inflow.unread, pair.server._inflow.unread) == (0, 0)
    assert pair.client.capacity == HTTP2_LIMITS.streams


def test_extended_connect_between_both() -> None:
    pair = Pair()
    stream = pair.client.start(b"CONNECT", b"/chat", b"h", b"", None, b"https", b"websocket")
    pair.pump()
    served = pair.served[1]
    assert served.protocol == b"websocket"
    pair.server.respond(served, 200, b"", -1)
    pair.client.send_data(stream, b"ping")
    pair.pump()
    pair.server.send_data(served, b"pong")
    pair.pump()

    assert told(pair.events["server", 1])[1] == b"ping"
    assert told(pair.events["client", 1])[1] == b"pong"
    assert not stream.closed
