"""The parameters of permessage-deflate, RFC 7692 section 7.1."""

from __future__ import annotations

from itertools import product

import pytest

from courser.engines.websocket.deflate import Deflate, agree_deflate, answer_deflate, offer_deflate
from courser.engines.websocket.faults import Fault
from courser.engines.websocket.fields import read_extensions
from courser.errors import LocalProtocolError

Parameters = list[tuple[str, str | None]]


def parsed(text: str) -> list[Parameters]:
    return [parameters for _, parameters in read_extensions([text.encode()])]


def agree(wish: Deflate, answer: str) -> Deflate:
    (parameters,) = parsed(answer)
    return agree_deflate(wish, parameters)


@pytest.mark.parametrize(
    ("wish", "offer"),
    [
        (Deflate(), "permessage-deflate; client_max_window_bits"),
        (Deflate(client_max_window_bits=9), "permessage-deflate; client_max_window_bits=9"),
        (
            Deflate(True, True, 10, 11),
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=10; "
            "server_max_window_bits=11",
        ),
    ],
)
def test_offers(wish: Deflate, offer: str) -> None:
    assert offer_deflate(wish) == offer


WRONG = [
    Deflate(client_max_window_bits=8),
    Deflate(client_max_window_bits=16),
    Deflate(server_max_window_bits=8),
    Deflate(server_max_window_bits=99),
    Deflate(level=0),
    Deflate(level=10),
]


@pytest.mark.parametrize("wish", WRONG)
def test_what_cannot_be_wished_for(wish: Deflate) -> None:
    with pytest.raises(LocalProtocolError, match="must be"):
        offer_deflate(wish)
    with pytest.raises(LocalProtocolError, match="must be"):
        answer_deflate(wish, [])


@pytest.mark.parametrize(
    ("wish", "answer", "agreed"),
    [
        (Deflate(), "permessage-deflate", Deflate()),
        (Deflate(level=1, threshold=5), "permessage-deflate", Deflate(level=1, threshold=5)),
        (
            Deflate(),
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover; "
            'client_max_window_bits="9"; server_max_window_bits=10',
            Deflate(True, True, 9, 10),
        ),
        # A window of 8 can be agreed: zlib reads it, and that side may send its messages as they are.
        (Deflate(), "permessage-deflate; client_max_window_bits=8", Deflate(client_max_window_bits=8)),
        (Deflate(), "permessage-deflate; server_max_window_bits=8", Deflate(server_max_window_bits=8)),
        # What a client has offered of its own it does, whether or not the server repeats it.
        (Deflate(client_no_context_takeover=True), "permessage-deflate", Deflate(client_no_context_takeover=True)),
        (Deflate(client_max_window_bits=12), "permessage-deflate", Deflate(client_max_window_bits=12)),
        (
            Deflate(server_max_window_bits=12),
            "permessage-deflate; server_max_window_bits=11",
            Deflate(server_max_window_bits=11),
        ),
        (
            Deflate(server_no_context_takeover=True),
            "permessage-deflate; server_no_context_takeover",
            Deflate(server_no_context_takeover=True),
        ),
    ],
)
def test_answers_that_agree(wish: Deflate, answer: str, agreed: Deflate) -> None:
    assert agree(wish, answer) == agreed


@pytest.mark.parametrize(
    ("wish", "answer", "text"),
    [
        (Deflate(), "x; server_max_window_bits=7", "bad value"),
        (Deflate(), "x; server_max_window_bits=16", "bad value"),
        (Deflate(), "x; server_max_window_bits=010", "bad value"),
        (Deflate(), "x; server_max_window_bits=+9", "bad value"),
        (Deflate(), "x; server_max_window_bits=99999999999999999999", "bad value"),
        (Deflate(), "x; server_max_window_bits", "bad value"),
        (Deflate(), "x; client_max_window_bits", "bad value"),
        (Deflate(), "x; client_max_window_bits=1a", "bad value"),
        (Deflate(), "x; server_no_context_takeover=1", "bad value"),
        (Deflate(), "x; client_no_context_takeover=true", "bad value"),
        (Deflate(), "x; client_no_context_takeover; client_no_context_takeover", "twice"),
        (Deflate(), "x; server_max_window_bits=9; server_max_window_bits=9", "twice"),
        (Deflate(), "x; unheard_of", "unknown"),
        (Deflate(), "x; SERVER_MAX_WINDOW_BITS=9", "unknown"),
        (Deflate(client_max_window_bits=10), "x; client_max_window_bits=11", "more than was offered"),
        (Deflate(server_max_window_bits=10), "x", "not granted"),
        (Deflate(server_max_window_bits=10), "x; server_max_window_bits=11", "not granted"),
        (Deflate(server_no_context_takeover=True), "x", "not granted"),
    ],
)
def test_cve_2026_2229_answers_that_do_not_agree_fail_cleanly(wish: Deflate, answer: str, text: str) -> None:
    with pytest.raises(Fault, match=text):
        agree(wish, answer)


@pytest.mark.parametrize(
    ("wish", "offers", "agreed", "answer"),
    [
        (Deflate(), "x", Deflate(), ""),
        (Deflate(), "x; client_max_window_bits", Deflate(), ""),
        (
            Deflate(client_max_window_bits=10),
            "x; client_max_window_bits",
            Deflate(client_max_window_bits=10),
            "; client_max_window_bits=10",
        ),
        # A client that does not say that it can keep to a smaller window cannot be asked to.
        (Deflate(client_max_window_bits=10), "x", Deflate(), ""),
        (
            Deflate(client_max_window_bits=10),
            "x; client_max_window_bits=9",
            Deflate(client_max_window_bits=9),
            "; client_max_window_bits=9",
        ),
        (
            Deflate(),
            "x; server_max_window_bits=8",
            Deflate(server_max_window_bits=8),
            "; server_max_window_bits=8",
        ),
        (
            Deflate(server_max_window_bits=10),
            "x; server_max_window_bits=12",
            Deflate(server_max_window_bits=10),
            "; server_max_window_bits=10",
        ),
        (
            Deflate(),
            "x; client_no_context_takeover; server_no_context_takeover",
            Deflate(True, True),
            "; client_no_context_takeover; server_no_context_takeover",
        ),
        (Deflate(True, True), "x", Deflate(True, True), "; client_no_context_takeover; server_no_context_takeover"),
        (Deflate(), "x; unheard_of, x; server_max_window_bits=7, x; server_no_context_takeover, x",
         Deflate(server_no_context_takeover=True), "; server_no_context_takeover"),
    ],
)  # fmt: skip
def test_a_server_takes_the_first_offer_that_it_can_fulfil(
    wish: Deflate, offers: str, agreed: Deflate, answer: str
) -> None:
    assert answer_deflate(wish, parsed(offers)) == (agreed, "permessage-deflate" + answer)


@pytest.mark.parametrize(
    "offers", ["", "x; y", "x; server_max_window_bits", "x; client_max_window_bits=16", "x; client_max_window_bits=a"]
)
def test_a_server_takes_no_offer_that_it_cannot_fulfil(offers: str) -> None:
    assert answer_deflate(Deflate(), parsed(offers)) is None


def test_whatever_two_sides_wish_for_they_agree_on_the_same() -> None:
    wishes = [Deflate(*values) for values in product((False, True), (False, True), (9, 12, 15), (9, 12, 15))]
    for client, server in product(wishes, wishes):
        answered = answer_deflate(server, parsed(offer_deflate(client)))
        assert answered is not None
        agreed, answer = answered
        assert agree(client, answer) == agreed
        assert agreed.client_max_window_bits <= client.client_max_window_bits
        assert agreed.server_max_window_bits <= min(client.server_max_window_bits, server.server_max_window_bits)
