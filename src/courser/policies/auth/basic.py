"""Basic authentication (RFC 7617): user name and password, as good as in the clear."""

from __future__ import annotations

from base64 import b64encode

from ...errors import InvalidRequest
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from ...values.url import URL

__all__ = ["BasicAuth", "encoded"]


class BasicAuth:
    """Shows user name and password with every request.

    Args:
        username: text, sent as UTF-8, or bytes; without a colon, which is where the password begins.
        password: likewise.

    Raises:
        InvalidRequest: a colon in the user name, or control characters (RFC 7617 section 2).
        TypeError: neither text nor bytes.
    """

    __slots__ = ("_value",)

    def __init__(self, username: str | bytes, password: str | bytes = "") -> None:
        user = encoded(username, "user name")
        if b":" in user:
            raise InvalidRequest(
                detail="Basic authentication: the user name has a colon",
                hint="what follows it would be read as the password (RFC 7617 section 2)",
            )
        self._value = "Basic " + b64encode(user + b":" + encoded(password, "password")).decode("ascii")

    def authorization(self, url: URL) -> str:
        """The value of the header Authorization.

        Args:
            url: where the request goes.
        """
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BasicAuth) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "BasicAuth(***)"


def encoded(text: object, what: str) -> bytes:
    """A user name or a password in bytes; no error shows any of it.

    Args:
        text: text, encoded as UTF-8, or bytes.
        what: which of them it is.

    Raises:
        InvalidRequest: it has control characters, or is no Unicode.
        TypeError: it is neither text nor bytes.
    """
    if isinstance(text, str):
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            # The cause would show the secret.
            raise InvalidRequest(
                detail=f"the {what} has a lone surrogate", hint="give bytes to send what is not text"
            ) from None
    elif isinstance(text, bytes):
        data = text
    else:
        raise TypeError(f"the {what} is str or bytes, not {type(text).__name__}")
    for at, code in enumerate(data):
        if code < 0x20 or code == 0x7F:
            hint = "control characters cannot be sent here" if data[at:].strip() else "strip() it"
            raise InvalidRequest(detail=f"the {what} has a control character at position {at}", hint=hint)
    return data
