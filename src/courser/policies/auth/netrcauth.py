"""User names and passwords from a netrc file, by host.

The file is read once, where it may block. A host is looked up by the very name that the request connects to
(CVE-2024-47081), and nothing of a URL but its host is asked for.
"""

from __future__ import annotations

import os

from ...errors import InvalidRequest
from ...hints import TYPE_CHECKING
from ..credentials import find_netrc
from ..flow import Call
from .basic import BasicAuth

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from ...values.request import Request
    from ...values.url import URL
    from ..flow import Answer, Flow

__all__ = ["NetrcAuth", "read_netrc"]

DEFAULT: Final = "default"
"""Stands for all hosts without an entry of their own."""


class NetrcAuth:
    """Shows the user name and the password that a netrc file has for the host of the request.

    The file says nothing of ports and schemes, so every origin of the host is meant. The entry `default` is for all
    hosts without one of their own.

    Args:
        file: the file; None for what the variable NETRC names, else `.netrc` or `_netrc` in the home folder. Where
            there is none of these there are no credentials.
    """

    __slots__ = ("_entries", "_file", "_unasked")

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self._file = None if file is None else os.fspath(file)
        self._unasked = False
        self._entries: Mapping[str, BasicAuth | None] | None = None

    @classmethod
    def unasked(cls, file: str) -> NetrcAuth:
        """What a client looks up without being told to.

        What it cannot use is not there. Nor is `default`: a password that goes to every server of the world is nothing
        that should happen to anybody unasked.
        """
        self = cls(file)
        self._unasked = True
        return self

    @property
    def is_read(self) -> bool:
        """Whether the file was read, so that `authorization` knows what is in it."""
        return self._entries is not None

    @property
    def is_empty(self) -> bool:
        """Whether the file was read, and there is nothing in it."""
        return self._entries is not None and not self._entries

    def authorization(self, url: URL) -> str | None:
        """The value of the header Authorization for a URL; None where there is none.

        Args:
            url: where the request goes.
        """
        entries = self._entries or {}
        found = entries[url.host] if url.host in entries else entries.get(DEFAULT)
        return None if found is None else found.authorization(url)

    def flow(self, request: Request) -> Flow:
        """Send a request with the credentials for its host.

        Raises:
            InvalidRequest: the file cannot be read, or has no meaning.
        """
        if self._entries is None:
            yield Call(self._read)
        value = self.authorization(request.url)
        if value is not None:
            request.headers["Authorization"] = value
        answer: Answer = yield request
        return answer

    def _read(self) -> None:
        file = find_netrc() if self._file is None else self._file
        try:
            entries = {} if file is None else self._made(file)
        except InvalidRequest:
            if not self._unasked:
                raise
            entries = {}
        if self._unasked:
            entries.pop(DEFAULT, None)
        self._entries = entries

    def _made(self, file: str) -> dict[str, BasicAuth | None]:
        """The credentials by host; None for a host without any, for which the default ones are not meant either."""
        entries: dict[str, BasicAuth | None] = {}
        for host, (login, password) in read_netrc(file).items():
            try:
                entries[host] = BasicAuth(login, password) if login or password else None
            except InvalidRequest as error:
                if not self._unasked:
                    error.detail = f"the netrc file {file}, {host}: {error.detail}"
                    raise
        return entries

    def __repr__(self) -> str:
        return f"NetrcAuth({'' if self._file is None else repr(self._file)})"


def read_netrc(file: str) -> dict[str, tuple[str, str]]:
    """User name and password by host, in lower case.

    Args:
        file: its path. It may belong to somebody else and be readable for all, as it is in containers.

    Raises:
        InvalidRequest: the file cannot be read, or has no meaning.
    """
    from netrc import NetrcParseError, netrc

    try:
        hosts = netrc(file).hosts
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except NetrcParseError as error:
        reason = f"line {error.lineno} is not understood"  # its text shows what stands there
    except ValueError:
        reason = "it is not text"
    else:
        return {host.lower().strip("[]"): (login, password) for host, (login, _, password) in hosts.items()}
    raise InvalidRequest(detail=f"the netrc file {file} cannot be used: {reason}")
