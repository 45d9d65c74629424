"""The server's side of the opening handshake (RFC 6455 section 4.2, RFC 8441)."""

from __future__ import annotations

from binascii import Error, a2b_base64

from ...hints import TYPE_CHECKING, NamedTuple
from ..http1.framing import values_of
from .deflate import PERMESSAGE_DEFLATE, Deflate, answer_deflate
from .faults import Fault
from .fields import has_token, read_extensions, read_tokens
from .handshake import VERSION, Agreement, accept_of, check_subprotocols

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from .handshake import Pairs

__all__ = ["Answer", "answer_connect", "answer_upgrade"]

_KEY_SIZE: Final = 16

UPGRADE: Final = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


class Answer(NamedTuple):
    """How a server answers a handshake.

    Attributes:
        status: 101, 200 to an extended CONNECT, or that of a refusal.
        fields: of the response, besides those of any.
        agreement: what is agreed; None for a refusal.
        detail: why it is refused.
    """

    status: int
    fields: Pairs
    agreement: Agreement | None = None
    detail: str = ""


class _Refusal(Exception):
    def __init__(self, status: int, detail: str, *fields: tuple[str, str]) -> None:
        super().__init__(detail)
        self.answer = Answer(status, [*fields], None, detail)


def answer_upgrade(
    method: bytes, version: bytes, fields: bytes, *, subprotocols: Sequence[str] = (), deflate: Deflate | None = None
) -> Answer:
    """Answer a request that asks for an upgrade.

    Args:
        method: of the request.
        version: of HTTP, b"1.1".
        fields: the request's header lines, validated, each with its CRLF.
        subprotocols: those that the server speaks, by preference.
        deflate: what it wishes for if the client offers compression.

    Raises:
        LocalProtocolError: a subprotocol or a number of ours is none that may be written.
    """
    check_subprotocols(subprotocols)
    try:
        key = _check_upgrade(method, version, fields)
        agreement, answers = _agree(fields, subprotocols, deflate)
    except _Refusal as refusal:
        answer = refusal.answer
        # 426 names the protocol that it wants (RFC 9110 section 15.5.22).
        return answer._replace(fields=[*UPGRADE, *answer.fields]) if answer.status == 426 else answer
    proof = ("Sec-WebSocket-Accept", accept_of(key).decode("ascii"))
    return Answer(101, [*UPGRADE, proof, *answers], agreement)


def answer_connect(fields: bytes, *, subprotocols: Sequence[str] = (), deflate: Deflate | None = None) -> Answer:
    """Answer an extended CONNECT whose `:protocol` is `websocket`; like `answer_upgrade`."""
    check_subprotocols(subprotocols)
    try:
        agreement, answers = _agree(fields, subprotocols, deflate)
    except _Refusal as refusal:
        return refusal.answer
    return Answer(200, answers, agreement)


def _check_upgrade(method: bytes, version: bytes, fields: bytes) -> bytes:
    if method != b"GET":
        raise _Refusal(405, "a handshake is a GET", ("Allow", "GET"))
    if version != b"1.1":
        raise _Refusal(400, "a handshake needs HTTP/1.1")
    if not has_token(values_of(fields, b"upgrade"), b"websocket"):
        raise _Refusal(426, "the request does not ask for websocket")
    if not has_token(values_of(fields, b"connection"), b"upgrade"):
        raise _Refusal(400, "the Connection field does not say Upgrade")
    keys = values_of(fields, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise _Refusal(400, "Sec-WebSocket-Key is not 16 bytes as base64")
    return keys[0]


def _is_key(value: bytes) -> bool:
    try:
        return len(a2b_base64(value, strict_mode=True)) == _KEY_SIZE
    except Error:
        return False


def _agree(fields: bytes, subprotocols: Sequence[str], deflate: Deflate | None) -> tuple[Agreement, Pairs]:
    if values_of(fields, b"sec-websocket-version") != [VERSION.encode("ascii")]:
        raise _Refusal(426, "another version of the protocol", ("Sec-WebSocket-Version", VERSION))
    try:
        offered = read_tokens(values_of(fields, b"sec-websocket-protocol"))
        extensions = read_extensions(values_of(fields, b"sec-websocket-extensions"))
    except Fault as fault:
        raise _Refusal(400, fault.detail) from None
    answers: Pairs = []
    chosen = next((name for name in subprotocols if name in offered), None)
    if chosen is not None:
        answers.append(("Sec-WebSocket-Protocol", chosen))
    offers = [parameters for name, parameters in extensions if name == PERMESSAGE_DEFLATE]
    answer = None if deflate is None else answer_deflate(deflate, offers)
    if answer is None:
        return Agreement(chosen, None), answers
    answers.append(("Sec-WebSocket-Extensions", answer[1]))
    return Agreement(chosen, answer[0]), answers
