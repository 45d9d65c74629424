"""What other servers pass requests on to: courser's own server on a Unix socket, in a process of its own.

    python upstream.py SOCKET

/echo gives the body back, with what came beside it in the header fields; /digest takes a body of any size and gives
its SHA-256; /cookies gives back the cookies and sets two; /many?count=&size= has that many fields; /trailers has a
trailer; /status/N has that status. It ends when its standard input does.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from courser.server import Reply, Server, ServerRequest

COOKIES: Final = [("Set-Cookie", "one=1; Path=/"), ("Set-Cookie", "two=2; Path=/")]


class Upstream:
    """The handler and its sink; what is under way is told apart by its target."""

    def __init__(self) -> None:
        self._digests: dict[str, Any] = {}

    def __call__(self, request: ServerRequest) -> Reply:
        if request.path == "/digest":
            return Reply.text(self._digests.pop(request.target).hexdigest())
        if request.path == "/cookies":
            return Reply.text(request.headers.get("cookie", ""), headers=COOKIES)
        if request.path == "/many":
            count, size = int(request.query["count"]), int(request.query["size"])
            return Reply(headers=[(f"X-{number}", f"{number:x}" * size) for number in range(count)])
        if request.path == "/trailers":
            return Reply(b"body", headers={"Trailer": "X-Sum"}, trailers={"X-Sum": "4"})
        if request.path.startswith("/status/"):
            return Reply(status=int(request.path.removeprefix("/status/")), headers={"X-Told": "so"})
        told = {
            "X-Method": request.method,
            "X-Target": request.target,
            "X-Type": request.headers.get("content-type", "-"),
            "X-Length": request.headers.get("content-length", "-"),
            "X-Coding": request.headers.get("transfer-encoding", "-"),
        }
        return Reply(request.body, headers=told)

    def sink(self, request: ServerRequest) -> Callable[[bytes], object] | None:
        """Take the bodies that go to /digest."""
        if request.path != "/digest":
            return None
        digest = self._digests[request.target] = hashlib.sha256()
        return digest.update


def main() -> None:
    upstream = Upstream()
    server = Server(upstream, uds=sys.argv[1], sink=upstream.sink)

    def watch() -> None:
        sys.stdin.read()
        server.stop()

    threading.Thread(target=watch, daemon=True).start()
    print("ready", flush=True)
    server.run()


if __name__ == "__main__":
    main()
