"""What the drivers of all clients share.

A driver is a class `Driver` made of a client's options, with `send(step)` for one request and `close()`. It says of
itself `ERRORS`, the classes that the library's documentation names as the base of its errors, and `TIMEOUTS`.

Options of a client: headers (dict), cookies (dict), timeout (seconds for everything), verify (False), proxy (a URL),
local_address, sensitive (names of headers that must not leave their origin: who has no way to be told is not told),
environment and jar (the case is about these). Every client follows redirects, keeps cookies, decodes what it can, and
heeds the environment, as far as it has a way to.

A step has method and url, and what of these it needs: params, headers (dict), cookies (dict), content, chunks (a body
from a generator), file (a body from an open file: its text, and where it stands), json, form, files (name to file name
and text), and `want`, what is read of the response:

    content     the body, each byte as one character (if nothing else is said)
    text        the body as text
    json        the body as JSON
    lines       its lines, streamed
    pieces      the length of the largest piece of a stream
    field:X     what looking up the header X gives
    raise       the body after raise_for_status() has raised
    pickle      the error of raise_for_status(), there and back

What a client has no way to do is `Unsupported`.
"""

from __future__ import annotations

import io
import pickle
import tempfile
from collections.abc import Iterator
from typing import IO, Any

CHUNK = 65536
"""Bytes that a stream is asked for at a time, where a client lets one say so."""


class Unsupported(Exception):
    """The client has no way to do this."""


def lacks(given: Any, *names: str) -> None:
    """Say what a client has no way to do.

    Raises:
        Unsupported: one of the names is there.
    """
    for name in names:
        if name in given:
            raise Unsupported(name)


def generated(pieces: list[str]) -> Iterator[bytes]:
    """A body that can be read once."""
    for piece in pieces:
        yield piece.encode()


_opened: list[IO[bytes]] = []


def opened(given: list[Any]) -> IO[bytes]:
    """A file that has been read up to somewhere; it is open until `close_files`."""
    text, position = given
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the client reads it later
    _opened.append(file)
    file.write(text.encode())
    file.seek(position)
    return file


def close_files() -> None:
    """Close what `opened` has opened."""
    while _opened:
        _opened.pop().close()


def raw_body(step: dict[str, Any]) -> Any:
    """The body of a step, where it is bytes, a generator or a file; None for none of these."""
    if "content" in step:
        return step["content"].encode()
    if "chunks" in step:
        return generated(step["chunks"])
    if "file" in step:
        return opened(step["file"])
    return None


def parts(step: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """The files of a step as most clients take them."""
    return {name: (filename, io.BytesIO(text.encode())) for name, (filename, text) in step["files"].items()}


def characters(body: bytes) -> str:
    """Bytes as JSON can carry them."""
    return bytes(body).decode("latin-1")


def there_and_back(error: BaseException) -> str:
    """Pickle an error.

    Raises:
        Exception: it does not come back.
    """
    back = pickle.loads(pickle.dumps(error))
    return f"{type(back).__name__}: {back}"


def told(error: BaseException, errors: tuple[type, ...], timeouts: tuple[type, ...]) -> dict[str, Any]:
    """What is told of an error."""
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    return {
        "error": type(error).__name__,
        "text": " ".join(str(error).split()),
        "own": isinstance(error, errors),
        "timeout": isinstance(error, (*timeouts, TimeoutError)),
        "status": status if isinstance(status, int) else None,
    }


def peak() -> int:
    """The most memory that this process has held since `forget_peak`, in bytes; 0 where nobody says."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def forget_peak() -> None:
    """Begin anew to watch how much memory this process holds."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass
