"""A request: what is to be sent, before anybody knows how.

Most requests carry nothing but the client's default headers. Such a request holds the client's encoded block, shared
with all others, and makes a `Headers` of its own only when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, cast
from ..settings import RequestParts, check_names
from .body import Body, make_body
from .fields import TOKEN, FieldBlock
from .headers import Headers
from .lines import field_line
from .url import URL

if TYPE_CHECKING:
    from typing import Any, ClassVar, Final, NoReturn, Self, Unpack

    from ..settings import Coding, Content, CookieTypes

__all__ = [
    "FRAMING",
    "NOTHING",
    "NO_FIELDS",
    "PARTS",
    "Request",
    "check_names",
    "checked_extensions",
    "complete",
    "framing",
    "method_of",
]

PARTS: Final = frozenset(RequestParts.__optional_keys__)
"""The names of the options that make a request."""

NOTHING: Final[Mapping[str, Any]] = {}
"""The extensions of a request that has none; never changed."""

FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
"""Fields that say where a message ends; what they say is kept, and written by the engine (RFC 9112 section 6)."""

BODILESS: Final = FRAMING | {b"expect"}
"""What is not written where there is no body: nothing can be expected for it (RFC 9110 section 10.1.1)."""

LENGTH_DIGITS: Final = 19
"""Digits of a Content-Length at most, as in responses: beyond are numbers that no 64-bit integer holds."""

NO_FIELDS: Final = FieldBlock(b"")

NO_COOKIES: Final = (b"", b"")

_methods: dict[str, tuple[str, bytes]] = {}
_METHODS_KEPT: Final = 64


def method_of(method: Any) -> tuple[str, bytes]:
    """A method in upper case, as text and as bytes.

    Raises:
        InvalidRequest: it is not a token (RFC 9110 section 9.1).
    """
    known = _methods.get(method)
    if known is not None:
        return known
    if not isinstance(method, str):
        raise TypeError(f"method is a str such as 'GET', not {type(method).__name__}")
    try:
        name = method.upper()
        encoded = name.encode("ascii")
        if not TOKEN.fullmatch(encoded):
            raise InvalidRequest(detail=f"method {method[:50]!r} is not a token of RFC 9110, such as 'GET'")
    except UnicodeEncodeError:
        raise InvalidRequest(detail=f"method {method[:50]!r} holds characters that are not ASCII") from None
    if len(_methods) < _METHODS_KEPT:
        _methods[method] = (name, encoded)
    return name, encoded


class Request:
    """What is to be sent. It may be changed until it is.

    Args:
        method: any method; it is sent in upper case.
        url: where to; a user name and a password in it become the header Authorization.
        **parts: see `RequestParts`.

    Attributes:
        method: in upper case.
        url: the URL, parameters included.
        body: what is carried, None where there is none.
        extensions: whatever middleware and transports understand.

    Raises:
        InvalidURL: the URL cannot be requested.
        InvalidRequest: another argument cannot be sent.
        TypeError: an option that does not make a request, or an argument of another type.
    """

    __slots__ = ("_block", "_dressed", "_headers", "body", "extensions", "method", "url")

    estranged: ClassVar[bool] = False
    """Whether redirects have led it away from the origin that credentials were given for."""

    method: str
    url: URL
    body: Body | None
    extensions: Mapping[str, Any]
    _dressed: tuple[bytes, bytes] | None
    """The Cookie field that was given by hand, and the one with the cookies of a jar, where a client has added some."""

    def __init__(self, method: str, url: str | URL, **parts: Unpack[RequestParts]) -> None:
        check_names(parts, PARTS, "a Request")
        self.method = method_of(method)[0]
        target = URL(url)
        params = parts.get("params")
        self.url = target if params is None else target.with_params(params)
        body = make_body(
            content=parts.get("content"), data=parts.get("data"), json=parts.get("json"), files=parts.get("files")
        )
        self.extensions = checked_extensions(parts.get("extensions"))
        self._dressed = None
        self._block: FieldBlock = NO_FIELDS
        self._headers: Headers | None = Headers(parts.get("headers"))
        self.move_credentials()
        if parts.get("cookies"):
            self.add_cookies(parts.get("cookies"))
        self.body = complete(self._headers, body, parts.get("compress"))

    @classmethod
    def assemble(
        cls,
        method: str,
        url: URL,
        block: FieldBlock,
        headers: Headers | None,
        body: Body | None,
        extensions: Mapping[str, Any],
    ) -> Self:
        """Make a request of parts that are already checked.

        Args:
            method: in any case.
            url: with its parameters.
            block: the header fields, where `headers` is None; it holds no framing fields and no Host.
            headers: the header fields, where they are not those of the block.
            body: what to carry.
            extensions: see the class.
        """
        self = cls.__new__(cls)
        self.method = (_methods.get(method) or method_of(method))[0]
        self.url = url
        self.body = body
        self.extensions = extensions
        self._dressed = None
        self._block = block
        self._headers = headers
        return self

    @property
    def headers(self) -> Headers:
        """The header fields. What is changed here is sent."""
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers.from_block(self._block)
        return headers

    @headers.setter
    def headers(self, headers: Any) -> None:
        self._headers = Headers(headers)

    @property
    def content(self) -> bytes | None:
        """The body, where it is in memory: b"" where there is none, None where it is a stream.

        What is set is taken as the option `content` is; Content-Type stays as it is, Content-Length follows.
        """
        return b"" if self.body is None else self.body.data

    @content.setter
    def content(self, content: Content | None) -> None:
        self.body = make_body(content=content)
        self.headers.pop("content-length", None)

    @classmethod
    def like(cls, other: Request) -> Self:
        """Make a request of this class that can be changed apart from another one; their body is the same."""
        headers = other._headers
        made = cls.assemble(
            other.method,
            other.url,
            other._block,
            None if headers is None else headers.copy(),
            other.body,
            other.extensions,
        )
        made._dressed = other._dressed
        return made

    def copy(self) -> Self:
        """Make a request that can be changed apart from this one; their body is the same."""
        return self.like(self)

    @property
    def authorization(self) -> str | None:
        """The header Authorization, None where there is none."""
        if self._headers is None and b"authorization:" not in self._block.lower():
            return None
        return self.headers.get("authorization")

    def with_authorization(self, value: str) -> Self:
        """This request with another header Authorization; it stays as it is itself."""
        made = self.copy()
        if made._headers is None and self.authorization is None:
            made._block = FieldBlock(b"%bAuthorization: %b\r\n" % (self._block, field_line("Authorization", value)[2]))
        else:
            made.headers["Authorization"] = value
        return made

    def move_credentials(self) -> None:
        """Take user name and password out of the URL; they become the header Authorization unless there is one.

        They are sent as Basic authentication (RFC 7617 section 2), in the bytes that the URL has escaped.
        """
        credentials = self.url.credentials
        if credentials is None:
            return
        from base64 import b64encode

        self.url = self.url.without_userinfo()
        self.headers.setdefault("Authorization", "Basic " + b64encode(b":".join(credentials)).decode("ascii"))

    def add_cookies(self, cookies: CookieTypes) -> None:
        """Put cookies into the Cookie field, behind those that are there.

        Raises:
            InvalidRequest: one that cannot be sent.
            TypeError: something that is no cookies.
        """
        from .cookies.given import field_of

        field = field_of(cookies, self.url)
        if field:
            hand, _ = self.cookie_fields
            self.headers["Cookie"] = b"%b; %b" % (hand, field) if hand else field

    @property
    def cookie_fields(self) -> tuple[bytes, bytes]:
        """The Cookie field as it was given by hand, and as it is with the cookies of a jar; empty where it is not."""
        if self._headers is None and b"cookie:" not in self._block.lower():
            return NO_COOKIES
        field = b"; ".join([value for name, value in self.headers.raw if name.lower() == b"cookie"])
        dressed = self._dressed
        # What somebody has changed since is by hand as well.
        return dressed if dressed is not None and dressed[1] == field else (field, field)

    def by_hand(self) -> Headers:
        """A copy of the header fields without the cookies of a jar."""
        headers = self.headers.copy()
        hand, field = self.cookie_fields
        if field != hand:
            headers.update({"Cookie": hand or None})
        return headers

    def with_cookies(self, hand: bytes, field: bytes) -> Self:
        """This request with another Cookie field; it stays as it is itself.

        Args:
            hand: the field that was given by hand.
            field: the field to send, empty for none.
        """
        headers, block = self._headers, self._block
        if headers is None and not hand and self._dressed is None:
            block = FieldBlock(b"%bCookie: %b\r\n" % (block, field))
        else:
            headers = self.headers.copy()
            headers.update({"Cookie": field or None})
        made = self.assemble(self.method, self.url, block, headers, self.body, self.extensions)
        made._dressed = (hand, field)
        return made

    def wire(self) -> tuple[bytes, bytes, bytes, FieldBlock]:
        """What an HTTP/1.1 engine starts with: method, target, host (empty where the fields name it) and fields."""
        url = self.url
        method = (_methods.get(self.method) or method_of(self.method))[1]
        headers = self._headers
        if headers is None:
            return method, url.target, url.authority, self._block
        host = b"" if "host" in headers else url.authority
        body = self.body
        unwritten = BODILESS if body is None or body.length == 0 else FRAMING
        return method, url.target, host, headers.encode_without(unwritten)

    def framing(self) -> int | None:
        """How the body goes out: its length in bytes, None for chunked, -1 where there is none.

        A Content-Length that the caller has set for a body of unknown length holds, and so does Transfer-Encoding.

        Raises:
            InvalidRequest: the header fields and the body contradict each other, or cannot be kept.
        """
        headers, body = self._headers, self.body
        if headers is None:  # the block holds no framing fields
            return -1 if body is None else body.length
        return framing(headers, body)

    def to_curl(self, *, secrets: bool = False) -> str:
        """This request as a command of curl for a POSIX shell.

        Args:
            secrets: whether it can be run. Else it is to be shown: the values of parameters, of fields that hold
                credentials, cookies and tokens, and the body are left out.
        """
        from .curl import curl_command

        return curl_command(self, secrets=secrets)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url.redacted()}>"

    def __getstate__(self) -> tuple[Any, ...]:
        body = self.body
        if body is not None and body.data is None:
            body = LostBody(body.length)
        return (self.method, self.url, self.headers, body, dict(self.extensions))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.method, self.url, self._headers, self.body, self.extensions = state
        self._block = NO_FIELDS
        self._dressed = None


class LostBody(Body):
    """Stands for a stream that could not come along when its request was pickled or copied: nothing can send it.

    Args:
        length: bytes it had.
    """

    __slots__ = ()

    def __init__(self, length: int | None) -> None:
        super().__init__(length=length, once="it was a stream, and was lost when the request was pickled or copied")

    def open(self) -> NoReturn:
        raise self.refusal()

    def __reduce__(self) -> tuple[Any, ...]:
        return LostBody, (self.length,)


def checked_extensions(extensions: Any) -> Mapping[str, Any]:
    """Give the extensions of a request, NOTHING where there are none.

    Raises:
        TypeError: they are no mapping.
    """
    if extensions is None:
        return NOTHING
    if not isinstance(extensions, Mapping):
        raise TypeError(f"extensions are a mapping, not {type(extensions).__name__}")
    return cast("Mapping[str, Any]", extensions)


def complete(headers: Headers, body: Body | None, compress: Coding | None = None) -> Body | None:
    """Check header fields against the body that they go with, and name its type if they do not.

    Args:
        headers: the fields; what is missing is put in.
        body: what is carried.
        compress: a content coding to apply.

    Returns:
        The body as it is to be sent.

    Raises:
        InvalidRequest: see `framing`; or a coding was asked for, and the fields name one.
    """
    if body is not None:
        if body.content_type is not None:
            given = headers.get("content-type")
            typed = body.content_type if given is None else body.typed(given)
            if typed != given:
                headers["Content-Type"] = typed
        if compress is not None:
            body = _compressed(headers, body, compress)
    framing(headers, body)
    return body


def _compressed(headers: Headers, body: Body, coding: Coding) -> Body:
    if "content-encoding" in headers:
        raise InvalidRequest(
            detail=f"compress={coding!r} was given, and the header Content-Encoding",
            hint="give one of them: what is compressed already needs the header only",
        )
    from .compression import compressed

    body = compressed(body, coding)
    if body.length is None and "content-length" in headers:
        raise InvalidRequest(
            detail=f"compress={coding!r} was given, and the header Content-Length",
            hint="leave the header out: nobody knows what the length will be",
        )
    headers["Content-Encoding"] = coding
    return body


def framing(headers: Headers, body: Body | None) -> int | None:
    """How a body goes out with header fields (RFC 9112 section 6): its length, None for chunked, -1 for no body.

    Raises:
        InvalidRequest: the fields and the body contradict each other, or cannot be kept.
    """
    told = headers.get("content-length")
    length = 0 if body is None else body.length
    if told is not None and length is not None and told != str(length):
        raise InvalidRequest(
            detail=f"the header Content-Length says {told[:30]!r}, the body has {length} bytes",
            hint="leave Content-Length out: it is set from the body",
        )
    if body is None:
        return -1
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise InvalidRequest(detail=f"the header Transfer-Encoding says {coding[:30]!r}, not 'chunked'")
        if told is not None:
            raise InvalidRequest(detail="Content-Length and Transfer-Encoding are there", hint="give one or none")
        return None
    if told is None or length is not None:
        return length
    if not (told.isascii() and told.isdigit() and len(told) <= LENGTH_DIGITS):
        raise InvalidRequest(detail=f"the header Content-Length says {told[:30]!r}, which is no number of bytes")
    return int(told)
