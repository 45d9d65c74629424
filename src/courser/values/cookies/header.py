"""The Cookie field: what the caller has given by hand, and what belongs to the URL (RFC 6265bis section 5.8.3)."""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import Final

    from .record import Cookie

__all__ = ["MOST", "cookie_field", "joined", "names_in"]

MOST: Final = 8190
"""Bytes of a Cookie field beyond which no cookie of a jar is added: what servers take, and what curl sends at most."""


def joined(cookies: Iterable[Cookie]) -> bytes:
    """Cookies as they stand in the field."""
    return "; ".join([f"{cookie.name}={cookie.value}" for cookie in cookies]).encode("utf-8", "surrogateescape")


def names_in(field: bytes) -> list[str]:
    """The names of the cookies in a field, in order."""
    pairs = field.decode("utf-8", "surrogateescape").split(";")
    return [pair.partition("=")[0].strip(" \t") for pair in pairs]


def cookie_field(hand: bytes, general: list[Cookie], stored: list[Cookie], renewed: Container[str] = ()) -> bytes:
    """The value of the Cookie field, empty where there is nothing to send.

    What is given by hand comes first, as it is. Of several cookies of one name in different hands the nearest to the
    request counts: by hand, then one that belongs to the URL, then one without a domain.

    Args:
        hand: the field that the request was given.
        general: cookies without a domain that fit the URL.
        stored: cookies that belong to the URL.
        renewed: names that a response to the same call has set: what was given by hand for them is out of date.
    """
    if hand:
        if renewed:
            hand = _without(hand, {cookie.name for cookie in stored if cookie.name in renewed})
        taken = set(names_in(hand))
        stored = [cookie for cookie in stored if cookie.name not in taken]
        general = [cookie for cookie in general if cookie.name not in taken]
    if general:
        names = {cookie.name for cookie in stored}
        stored = [cookie for cookie in general if cookie.name not in names] + stored
    field = joined(stored)
    room = MOST - len(hand) - 2 if hand else MOST
    if len(field) > room:
        field = _shortened(stored, room)
    return b"%b; %b" % (hand, field) if hand and field else hand or field


def _without(hand: bytes, names: set[str]) -> bytes:
    pairs = hand.split(b";")
    return b";".join([pair for pair, name in zip(pairs, names_in(hand), strict=True) if name not in names]).strip(b" ")


def _shortened(cookies: list[Cookie], room: int) -> bytes:
    """As many cookies as there is room for; a server that sets too many must not make its neighbours' requests fail."""
    pairs: list[bytes] = []
    for cookie in cookies:
        pair = joined([cookie])
        if len(pair) <= room:
            pairs.append(pair)
            room -= len(pair) + 2
    return b"; ".join(pairs)
