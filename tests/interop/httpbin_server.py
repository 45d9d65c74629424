"""httpbin under waitress, in an environment of its own, on a free port of the loopback.

Its interpreter is named by $COURSER_HTTPBIN, which `make interop` sets; it ends when its standard input does, so it
outlives nobody.
"""

from __future__ import annotations

import os
import subprocess
from typing import Final

PYTHON: Final = os.environ.get("COURSER_HTTPBIN")

PATIENCE: Final = 10.0
"""Seconds within which it has to end."""

PROGRAM: Final = """
import os, sys, threading
from httpbin import app
from waitress import create_server
server = create_server(app, host="127.0.0.1", port=0, threads=16)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print(server.effective_port, flush=True)
server.run()
"""


class HTTPBin:
    """A running httpbin.

    Args:
        python: the interpreter of an environment with httpbin and waitress.
    """

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            self.close()
            raise RuntimeError(f"httpbin does not start: {python} -c 'import httpbin, waitress' may say why")
        self.base = f"http://127.0.0.1:{port}"

    def url(self, path: str) -> str:
        """The URL of a path."""
        return self.base + path

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=PATIENCE)
