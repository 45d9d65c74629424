"""A server in a Python process of its own: it prints its port, and ends when its standard input does."""

from __future__ import annotations

import subprocess
from typing import Final

PATIENCE: Final = 10.0
"""Seconds within which it has to end."""


class Child:
    """A running server.

    Args:
        python: the interpreter of an environment that has what the program imports.
        program: its text.
        needs: what that is, for the error.

    Attributes:
        port: its port on the loopback.
    """

    def __init__(self, python: str, program: str, needs: str) -> None:
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            self.close()
            raise RuntimeError(f"a server does not start: {python} -c 'import {needs}' may say why")
        self.port = int(port)

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=PATIENCE)
