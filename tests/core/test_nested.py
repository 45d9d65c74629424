"""TLS in TLS, over a network in memory that takes as much as a test lets it."""

from __future__ import annotations

import ssl
import sys
from collections import deque
from typing import Any

import pytest
import trustme
from linkpipe import Pipe

from courser.core.link import TLSLink, TruncatedStream
from courser.core.nested import NestedTLSLink, Passage


class Stack:
    """Both ends of TLS in TLS: a client, and a server behind a proxy, which are one here."""

    def __init__(self, servers: tuple[ssl.SSLContext, ssl.SSLContext], client: ssl.SSLContext) -> None:
        self.pipe, self.far_pipe = Pipe(sys.maxsize), Pipe(sys.maxsize)
        self.pipe.other, self.far_pipe.other = self.far_pipe, self.pipe
        self.proxy = TLSLink(self.pipe, client, "proxy.example")
        self.far_proxy = TLSLink(self.far_pipe, servers[0], None)
        self._shake(self.proxy, self.far_proxy)
        self.passage = Passage(self.proxy)
        self.link = NestedTLSLink(self.passage, client, "origin.example")
        self.far = NestedTLSLink(Passage(self.far_proxy), servers[1], None)
        self._shake(self.link, self.far)

    def _shake(self, near: TLSLink, far: TLSLink) -> None:
        left = [near, far]
        for _ in range(20):
            for each in list(left):
                try:
                    each.shake()
                    left.remove(each)
                except BlockingIOError:
                    pass
        assert not left


@pytest.fixture(scope="module")
def contexts() -> tuple[tuple[ssl.SSLContext, ssl.SSLContext], ssl.SSLContext]:
    authority = trustme.CA()
    servers = []
    for name in ("proxy.example", "origin.example"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        context.set_alpn_protocols(["http/1.1"] if name == "origin.example" else [])
        servers.append(context)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.set_alpn_protocols(["http/1.1"])
    authority.configure_trust(client)
    client.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # older versions of Python set it
    return (servers[0], servers[1]), client


@pytest.fixture
def stack(contexts: Any) -> Stack:
    return Stack(*contexts)


def drain(link: TLSLink) -> bytes:
    data = b""
    try:
        while True:
            piece = link.receive(65536)
            if not piece:
                return data
            data += piece
    except BlockingIOError:
        return data


def test_bytes_go_both_ways(stack: Stack) -> None:
    assert stack.link.send(b"ping") == 4
    assert drain(stack.far) == b"ping"
    stack.far.send(b"pong" * 10_000)
    assert drain(stack.link) == b"pong" * 10_000
    assert stack.link.alpn == "http/1.1"
    assert stack.link.encrypted
    assert not stack.link.wants_write


def test_a_passage_is_encrypted_for_nobody_behind_the_proxy(stack: Stack) -> None:
    passage = stack.passage

    assert not passage.encrypted
    assert (passage.alpn, passage.session) == (None, None)
    assert passage.send_most == stack.proxy.send_most
    assert passage.again_above == stack.proxy.again_above
    assert passage.fileno() == -1
    assert passage.info() == {"peer": "pipe", "local": "pipe"}


def test_facts_are_those_of_the_server(stack: Stack, contexts: Any) -> None:
    facts = stack.link.info()

    assert facts["peer"] == "pipe"
    assert facts["certificate"] != stack.proxy.info()["certificate"]


@pytest.mark.parametrize("room", [0, 1, 100, 5_000, 20_000])
def test_what_either_layer_keeps_back_is_sent_by_flushing(stack: Stack, room: int) -> None:
    data = bytes(range(256)) * 200
    stack.pipe.room = room
    sent = 0
    for _ in range(10_000):
        if sent == len(data) and not stack.link.wants_write:
            break
        try:
            if stack.link.wants_write:
                stack.link.flush()
            if sent < len(data):
                sent += stack.link.send(data[sent : sent + stack.link.send_most])
        except BlockingIOError:
            assert stack.link.wants_write
        if stack.link.wants_write:
            stack.pipe.room += 1_500
    else:
        raise AssertionError("it stalls")
    assert drain(stack.far) == data


def test_the_last_bytes_kept_by_the_lower_layer_alone_are_not_forgotten(stack: Stack) -> None:
    stack.pipe.room = 10
    assert stack.link.send(b"hello") == 5
    assert stack.proxy.wants_write
    assert stack.link.wants_write
    stack.pipe.room = sys.maxsize

    stack.link.flush()

    assert not stack.link.wants_write
    assert drain(stack.far) == b"hello"


def test_an_end_of_the_proxy_s_tls_is_heard_though_the_socket_stays_open(stack: Stack) -> None:
    stack.far.send(b"almost all")
    try:
        stack.far_proxy._object.unwrap()
    except ssl.SSLError:
        pass
    stack.far_proxy.flush()
    stack.pipe.incoming = deque([b"".join(stack.pipe.incoming)])

    assert stack.link.receive(65536) == b"almost all"
    assert stack.link.again_above == 1  # so the connection asks again
    with pytest.raises(TruncatedStream):
        stack.link.receive(65536)


def test_finishing_says_goodbye_on_both_layers(stack: Stack) -> None:
    stack.link.finish()

    assert stack.pipe.calls == ["finish"]
    assert drain(stack.far) == b""
    assert drain(stack.far_proxy) == b""


def test_the_bottom_hears_the_rest(stack: Stack) -> None:
    stack.link.attach(None)
    stack.link.listen(None)
    stack.link.want(3)
    stack.link.close()

    assert stack.pipe.calls == [("attach", None), ("listen", None), ("want", 3), "close"]
    stack.passage.finish()
    stack.passage.flush()
    assert stack.pipe.calls[4:] == ["finish"]


def test_what_came_with_the_proxys_last_word_comes_first() -> None:
    near, far = Pipe(sys.maxsize), Pipe(sys.maxsize)
    near.other, far.other = far, near
    passage = Passage(near, b"early")
    far.send(b"late")

    assert [passage.receive(100), passage.receive(100)] == [b"early", b"late"]
