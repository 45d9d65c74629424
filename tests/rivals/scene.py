"""The servers of one case, and what was seen there and told by the client."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from faultserver import FaultServer, Gone, Peer, Received

Script = Callable[[Peer, "Scene"], Any]
Answer = dict[str, Any]
"""What a driver tells of one request: see `drivers/common.py`."""

PLACE = re.compile(r"<(\w+)(:port)?>")


class Scene:
    """Servers by name, on free ports of the loopback.

    Args:
        scripts: what each of them does.
        tls: how those of them encrypt that do.
        files: paths by the names that texts have for them, such as <roots>.

    Attributes:
        servers: the servers by name.
        sources: the addresses that connections came from.
    """

    def __init__(
        self, scripts: Mapping[str, Script], tls: Mapping[str, ssl.SSLContext], files: Mapping[str, str]
    ) -> None:
        self.sources: list[str] = []
        self._files = files
        self._closed = socket.socket()
        self._closed.bind(("127.0.0.1", 0))
        self.servers = {name: FaultServer(self._bound(script), tls=tls.get(name)) for name, script in scripts.items()}

    def _bound(self, script: Script) -> Callable[[Peer], None]:
        def run(peer: Peer) -> None:
            try:
                self.sources.append(peer.socket.getpeername()[0])
                script(peer, self)
            except (ValueError, OSError) as error:
                # A client that is silent for long, or sends what is no request, gets its verdict elsewhere.
                raise Gone from error

        return run

    def fill(self, text: str) -> str:
        """Put URLs into a text: <home> is a server's, <home:port> its port, <closed> one where nobody listens."""

        def put(place: re.Match[str]) -> str:
            name, port = place.groups()
            if name in self._files:
                return self._files[name]
            if name == "closed":
                return f"http://127.0.0.1:{self._closed.getsockname()[1]}"
            server = self.servers[name]
            return str(server.port) if port else server.url("")

        return PLACE.sub(put, text)

    def filled(self, value: Any) -> Any:
        """Put URLs into all texts of a structure."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, Mapping):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.filled(each) for each in value]
        return value

    def close(self) -> None:
        """Stop the servers."""
        for server in self.servers.values():
            server.close()
        self._closed.close()


class Seen:
    """What a case is judged by.

    Args:
        scene: the servers.
        answers: what the client told, one for each step.
        log: what it logged at INFO and above.
    """

    def __init__(self, scene: Scene, answers: list[Answer], log: str = "") -> None:
        self.scene = scene
        self.answers = answers
        self.log = log

    def requests(self, server: str = "home") -> list[Received]:
        """The requests that a server got."""
        return self.scene.servers[server].requests

    def last(self, server: str = "home") -> Received:
        """The last request that a server got."""
        return self.requests(server)[-1]

    @property
    def error(self) -> Answer | None:
        """The first answer that is an error."""
        return next((answer for answer in self.answers if "error" in answer), None)

    @property
    def value(self) -> Any:
        """What was read of the last response."""
        return self.answers[-1].get("value")
