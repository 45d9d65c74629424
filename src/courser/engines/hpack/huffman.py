"""The Huffman code for strings (RFC 7541 section 5.2 and appendix B), which QPACK shares.

Both directions are automata that take a byte at a time: a state is the bits that are left over after some bytes, fewer
than a code has (decoding) or fewer than eight (encoding), and a step is the next state and the bytes that are complete.
A state is a list, so that the next step is an index into it. Steps are worked out when they are first taken: headers
need few of the 65 536 that there are for decoding, all of which take 7 MB, once in a process. A byte costs 30
nanoseconds; joining and cutting bits takes half as much again, a dictionary of (state, byte) three times as much.
"""

from __future__ import annotations

from functools import cache

from ...hints import TYPE_CHECKING
from .faults import HPACKFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeAlias

__all__ = ["DECODED", "LONGEST", "MOST", "codes", "decode_huffman", "encode_huffman"]

DECODED: Final[dict[bytes, bytes]] = {}
"""Codes that were decoded, and their strings: look here first. One cache for the process: a connection begins with what
others have learned. It is emptied when it is full; what is used is there again at once."""

MOST: Final = 1024
"""How many strings a cache holds."""

LONGEST: Final = 128
"""Bytes of a string, or of its code, that a cache takes."""

_LENGTHS: Final = (
    "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f565"
    "65666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmp"
    "qqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu"
)
"""How many bits the code of each byte and of EOS has, in base 36. The code is canonical: this is all of it."""

_EOS: Final = 256

if TYPE_CHECKING:
    _State: TypeAlias = list[Any]
    """256 steps, (next state, bytes) or None; what ends a string here, None if nothing may; the bits."""

    _Step: TypeAlias = Callable[[str, int], tuple[str, bytes]]

_END: Final = 256
_BITS: Final = 257


def decode_huffman(code: bytes, keep: bool) -> bytes:
    """The string that a code stands for.

    Args:
        code: all of it.
        keep: whether it may be kept in `DECODED`: it is no secret.

    Raises:
        HPACKFault: EOS is in it, or it ends in what is no padding.
    """
    state = _DECODING_START
    pieces: list[bytes] = []
    append = pieces.append
    try:
        for byte in code:
            state, piece = state[byte]
            append(piece)
    except TypeError:  # None is no pair: a step that nobody took before
        _learn(_DECODING, code, _decoding_step)
        return decode_huffman(code, keep)
    if state[_END] is None:
        raise HPACKFault("a Huffman string ends in what is no padding")
    text = b"".join(pieces)
    if keep and len(code) <= LONGEST:
        if len(DECODED) >= MOST:
            DECODED.clear()
        DECODED[code] = text
    return text


def encode_huffman(text: bytes) -> bytes:
    """The code of a string."""
    state = _ENCODING_START
    pieces: list[bytes] = []
    append = pieces.append
    try:
        for byte in text:
            state, piece = state[byte]
            append(piece)
    except TypeError:
        _learn(_ENCODING, text, _encoding_step)
        return encode_huffman(text)
    append(state[_END])
    return b"".join(pieces)


@cache
def codes() -> list[str]:
    """The code of each symbol as bits: by length, and by symbol where lengths are equal, each is the last plus one."""
    found = [""] * (_EOS + 1)
    code = last = 0
    for length, symbol in sorted((int(digit, 36), symbol) for symbol, digit in enumerate(_LENGTHS)):
        code <<= length - last
        found[symbol] = f"{code:0{length}b}"
        code += 1
        last = length
    return found


@cache
def _symbols() -> dict[str, int]:
    return {code: symbol for symbol, code in enumerate(codes())}


def _decoding_step(bits: str, byte: int) -> tuple[str, bytes]:
    symbols = _symbols()
    piece = bytearray()
    for bit in f"{byte:08b}":
        bits += bit
        symbol = symbols.get(bits)
        if symbol is not None:
            if symbol == _EOS:
                raise HPACKFault("EOS in a Huffman string")
            piece.append(symbol)
            bits = ""
    return bits, bytes(piece)


def _encoding_step(bits: str, byte: int) -> tuple[str, bytes]:
    bits += codes()[byte]
    whole = len(bits) // 8
    return bits[whole * 8 :], b"".join(_octet(bits[at * 8 : at * 8 + 8]) for at in range(whole))


def _octet(bits: str) -> bytes:
    """Bits as an octet, padded by the most significant ones of EOS, which are ones."""
    return bytes((int(bits.ljust(8, "1"), 2),))


def _decoding_state(bits: str) -> _State:
    """Fewer than eight bits of padding, all of them ones, may end a string."""
    return [None] * 256 + [b"" if len(bits) < 8 and "0" not in bits else None, bits]


def _encoding_state(bits: str) -> _State:
    return [None] * 256 + [_octet(bits) if bits else b"", bits]


class _Automaton(dict[str, "_State"]):
    """Its states by their bits, each made when it is first reached."""

    def __init__(self, make: Callable[[str], _State]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, bits: str) -> _State:
        return self.setdefault(bits, self._make(bits))


_DECODING: Final = _Automaton(_decoding_state)
_DECODING_START: Final = _DECODING[""]
_ENCODING: Final = _Automaton(_encoding_state)
_ENCODING_START: Final = _ENCODING[""]


def _learn(automaton: _Automaton, data: bytes, step: _Step) -> None:
    """Work out the steps that this data takes."""
    state = automaton[""]
    for byte in data:
        if state[byte] is None:
            bits, piece = step(state[_BITS], byte)
            state[byte] = automaton[bits], piece
        state = state[byte][0]
