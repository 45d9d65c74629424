"""permessage-deflate: what is offered, and what is made of an offer (RFC 7692 section 7.1)."""

from __future__ import annotations

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING, NamedTuple
from .faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, TypeAlias

    Parameters: TypeAlias = list[tuple[str, str | None]]

__all__ = ["PERMESSAGE_DEFLATE", "Deflate", "agree_deflate", "answer_deflate", "offer_deflate"]

PERMESSAGE_DEFLATE: Final = "permessage-deflate"

_NUMBERS: Final = {str(bits): bits for bits in range(8, 16)}
"""Window sizes as they are written: no zero in front, nothing else that `int` takes."""


class Deflate(NamedTuple):
    """How messages are compressed: what one wishes for, and afterwards what was agreed.

    A window of 2**8 bytes can be agreed, but zlib cannot keep to it: that side then sends its messages as they are.

    Attributes:
        client_no_context_takeover: each message of the client stands for itself.
        server_no_context_takeover: each message of the server does.
        client_max_window_bits: the binary logarithm of the client's window, 9 to 15.
        server_max_window_bits: that of the server's.
        level: of zlib, 1 to 9; nobody is told.
        threshold: bytes of a message from which it is compressed unless `compress` says otherwise; a smaller one is in
            one packet in any case.
    """

    client_no_context_takeover: bool = False
    server_no_context_takeover: bool = False
    client_max_window_bits: int = 15
    server_max_window_bits: int = 15
    level: int = 6
    threshold: int = 128


def offer_deflate(wish: Deflate) -> str:
    """A client's offer, an element of Sec-WebSocket-Extensions.

    Raises:
        LocalProtocolError: a number is out of range.
    """
    _check(wish)
    parts = [PERMESSAGE_DEFLATE]
    if wish.client_no_context_takeover:
        parts.append("client_no_context_takeover")
    if wish.server_no_context_takeover:
        parts.append("server_no_context_takeover")
    # Always there: without it the server could not ask for a smaller window.
    client, server = wish.client_max_window_bits, wish.server_max_window_bits
    parts.append("client_max_window_bits" if client == 15 else f"client_max_window_bits={client}")
    if server != 15:
        parts.append(f"server_max_window_bits={server}")
    return "; ".join(parts)


def agree_deflate(wish: Deflate, answer: Parameters) -> Deflate:
    """What was agreed, after the server's answer to `offer_deflate(wish)`.

    Raises:
        Fault: a parameter is unknown, repeated or has a bad value, or the answer ignores the offer.
    """
    values = _read(answer)
    server = _bits(values, "server_max_window_bits")
    client = _bits(values, "client_max_window_bits")
    takes_over = "server_no_context_takeover" not in values
    if wish.server_no_context_takeover and takes_over:
        raise Fault("server_no_context_takeover was asked for and not granted")
    if server > wish.server_max_window_bits:
        raise Fault(f"server_max_window_bits={wish.server_max_window_bits} was asked for and not granted")
    if "client_max_window_bits" in values and client > wish.client_max_window_bits:
        raise Fault(f"client_max_window_bits={client} is more than was offered")
    return wish._replace(
        client_no_context_takeover=wish.client_no_context_takeover or "client_no_context_takeover" in values,
        server_no_context_takeover=not takes_over,
        client_max_window_bits=min(client, wish.client_max_window_bits),
        server_max_window_bits=server,
    )


def answer_deflate(wish: Deflate, offers: Iterable[Parameters]) -> tuple[Deflate, str] | None:
    """What a server agrees to: the first offer that it can fulfil.

    Returns:
        what is agreed, and the answer for Sec-WebSocket-Extensions; None where there is no such offer.

    Raises:
        LocalProtocolError: a number of the wish is out of range.
    """
    _check(wish)
    for offer in offers:
        try:
            return _answer(wish, _read(offer, is_offer=True))
        except Fault:
            continue
    return None


def _answer(wish: Deflate, offer: dict[str, str | None]) -> tuple[Deflate, str]:
    parts = [PERMESSAGE_DEFLATE]
    client_alone = wish.client_no_context_takeover or "client_no_context_takeover" in offer
    server_alone = wish.server_no_context_takeover or "server_no_context_takeover" in offer
    if client_alone:
        parts.append("client_no_context_takeover")
    if server_alone:
        parts.append("server_no_context_takeover")
    client = min(wish.client_max_window_bits, _bits(offer, "client_max_window_bits"))
    server = min(wish.server_max_window_bits, _bits(offer, "server_max_window_bits"))
    if "client_max_window_bits" not in offer:
        client = 15  # the client does not know how to keep to less
    if client != 15:
        parts.append(f"client_max_window_bits={client}")
    if server != 15:
        parts.append(f"server_max_window_bits={server}")
    agreed = wish._replace(
        client_no_context_takeover=client_alone,
        server_no_context_takeover=server_alone,
        client_max_window_bits=client,
        server_max_window_bits=server,
    )
    return agreed, "; ".join(parts)


def _read(parameters: Parameters, *, is_offer: bool = False) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for name, value in parameters:
        if name in values:
            raise Fault(f"the parameter {name} comes twice")
        if name in ("client_no_context_takeover", "server_no_context_takeover"):
            good = value is None
        elif name in ("client_max_window_bits", "server_max_window_bits"):
            # Only a client that offers need not name a number for its own window.
            good = value in _NUMBERS or (value is None and is_offer and name == "client_max_window_bits")
        else:
            raise Fault(f"the parameter {name} is unknown")
        if not good:
            raise Fault(f"the parameter {name} has a bad value")
        values[name] = value
    return values


def _bits(values: dict[str, str | None], name: str) -> int:
    return _NUMBERS.get(values.get(name) or "15", 15)


def _check(wish: Deflate) -> None:
    for name in ("client_max_window_bits", "server_max_window_bits"):
        if not 9 <= getattr(wish, name) <= 15:
            raise LocalProtocolError(detail=f"{name} of permessage-deflate must be 9 to 15")
    if not 1 <= wish.level <= 9:
        raise LocalProtocolError(detail="the level of permessage-deflate must be 1 to 9")
