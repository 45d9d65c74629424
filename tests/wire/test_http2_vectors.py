"""What others test their frames of HTTP/2 with: each alone, and what a client makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h2wire as wire
import pytest
from h2wire import parse

from courser.engines.http2 import ClientEngine, Stream
from courser.engines.http2.stream import ENDLESS, Due

FOLDER = "h2frames"


class Probe(ClientEngine):
    """A client that has any streams, and is not interested in what header blocks mean."""

    def __init__(self, *numbers: int) -> None:
        super().__init__()
        self.receive(wire.settings() + wire.SETTINGS_ACK, 0.0)
        self.outgoing()
        self.blocks: list[tuple[int, bytes, bool]] = []
        for number in numbers:
            stream = self._streams[number] = Stream(number, Due.NOTHING, 1000, 65535, None)
            stream.left = ENDLESS

    def _take_block(self, number: int, block: bytes, is_last: bool) -> None:
        self.blocks.append((number, block, is_last))


def load(vectors: Path, name: str) -> tuple[bytes, Any, list[int]]:
    """The bytes of a frame, what it holds, and the codes of the errors that may follow."""
    path = vectors / FOLDER / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    found = json.loads(path.read_text(encoding="utf-8"))
    return bytes.fromhex(found["wire"]), found["frame"], found["error"] or []


def takes_data(engine: Probe, number: int, held: Any) -> object:
    return engine._streams[number].take() == [held["data"].encode()]


def takes_block(engine: Probe, number: int, held: Any) -> object:
    return engine.blocks == [(number, held["header_block_fragment"].encode(), False)]


def ignores(engine: Probe, number: int, held: Any) -> object:
    return engine.outgoing() == b""


def ends_the_stream(engine: Probe, number: int, held: Any) -> object:
    return engine.is_idle


def takes_settings(engine: Probe, number: int, held: Any) -> object:
    return engine.peer.streams == dict(held["settings"])[3] and engine.outgoing() == wire.SETTINGS_ACK


def answers(engine: Probe, number: int, held: Any) -> object:
    return engine.outgoing() == wire.frame(wire.PING, wire.ACK, 0, held["opaque_data"].encode())


def says_goodbye(engine: Probe, number: int, held: Any) -> object:
    said = (held["last_stream_id"], held["error_code"], held["additional_debug_data"].encode())
    return engine.goaway == said


def widens(engine: Probe, number: int, held: Any) -> object:
    return engine._streams[number].credit == 65535 + held["window_size_increment"]


GOOD: dict[str, Callable[[Probe, int, Any], object]] = {
    "data/normal": takes_data,
    "headers/normal": takes_block,
    "headers/priority": takes_block,
    "priority/normal": ignores,
    "rst_stream/normal": ends_the_stream,
    "settings/normal": takes_settings,
    "ping/normal": answers,
    "goaway/normal": says_goodbye,
    "window_update/normal": widens,
}


@pytest.mark.parametrize("piece", [1, 1000])
@pytest.mark.parametrize("name", GOOD)
def test_a_good_frame(vectors: Path, name: str, piece: int) -> None:
    sent, frame, errors = load(vectors, name)
    number = frame["stream_identifier"]
    engine = Probe(*([number] if number else []))

    for at in range(0, len(sent), piece):
        engine.receive(sent[at : at + piece], 0.0)

    assert (engine.error, errors) == (None, [])
    assert GOOD[name](engine, number, frame["frame_payload"])


@pytest.mark.parametrize("name", ["continuation/header", "continuation/normal"])
def test_a_good_frame_that_goes_on(vectors: Path, name: str) -> None:
    sent, frame, _ = load(vectors, name)
    number, held = frame["stream_identifier"], frame["frame_payload"]["header_block_fragment"]
    engine = Probe(number)

    engine.receive(wire.frame(wire.HEADERS, 0, number, b"<"), 0.0)
    engine.receive(sent + wire.frame(wire.CONTINUATION, wire.END_HEADERS, number, b">"), 0.0)

    assert engine.blocks == [(number, f"<{held}>".encode(), False)]


def test_a_good_frame_that_no_client_asked_for(vectors: Path) -> None:
    engine = Probe()
    engine.receive(load(vectors, "push_promise/normal")[0], 0.0)

    assert "PUSH_PROMISE" in str(engine.error)


BAD = [
    "data-frame-padding",
    "data-frame-size",
    "data-frame-stream",
    "goaway-frame-size",
    "goaway-frame-stream",
    "headers-frame-padding",
    "headers-frame-stream",
    "ping-frame-size",
    "ping-frame-stream",
    "priority-frame-size",
    "priority-frame-stream",
    "push_promise-frame-padding",
    "push_promise-frame-promised_stream-odd",
    "push_promise-frame-promised_stream-zero",
    "push_promise-frame-stream",
    "rst_stream-frame-size",
    "rst_stream-frame-stream",
    "settings-frame-ack-size",
    "settings-frame-size",
    "settings-frame-stream",
    "window_update-frame-increment",
    "window_update-frame-size",
]


@pytest.mark.parametrize("piece", [1, 1000])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_frame(vectors: Path, name: str, piece: int) -> None:
    sent, _, errors = load(vectors, f"error/{name}")
    engine = Probe(1, 2)

    for at in range(0, len(sent), piece):
        engine.receive(sent[at : at + piece], 0.0)

    last = parse(engine.outgoing())[-1]
    told = last.payload[4:8] if last.kind == wire.GOAWAY else last.payload
    assert last.kind in (wire.GOAWAY, wire.RST_STREAM)
    assert int.from_bytes(told, "big") in errors


def test_all_of_them_are_tried(vectors: Path) -> None:
    folder = vectors / FOLDER
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    tried = {
        *GOOD,
        "continuation/header",
        "continuation/normal",
        "push_promise/normal",
        *(f"error/{bad}" for bad in BAD),
    }

    assert {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json")} == tried
