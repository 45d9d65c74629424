"""httpbin under waitress, in an environment of its own, on a free port of the loopback.

Its interpreter is named by $COURSER_HTTPBIN, which `make interop` sets; it ends when its standard input does, so it
outlives nobody.
"""

from __future__ import annotations

import os
from typing import Final

from child import Child

PYTHON: Final = os.environ.get("COURSER_HTTPBIN")

PROGRAM: Final = """
import os, sys, threading
from httpbin import app
from waitress import create_server
server = create_server(app, host="127.0.0.1", port=0, threads=16)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print(server.effective_port, flush=True)
server.run()
"""


class HTTPBin(Child):
    """A running httpbin.

    Args:
        python: the interpreter of an environment with httpbin and waitress.
    """

    def __init__(self, python: str) -> None:
        super().__init__(python, PROGRAM, "httpbin, waitress")
        self.base = f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """The URL of a path."""
        return self.base + path
