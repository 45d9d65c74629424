"""A server of blocking threads, for what nginx cannot do lightly and for machines without nginx.

nginx answers `return 200` before it has read the body, and would otherwise copy the body to a file: neither measures
an upload. This one counts what arrives and answers with the number. Over plain TCP, bodies of known length are received
with MSG_TRUNC: the kernel drops them without copying, so that the client is what is measured.

It serves `/s` small JSON, `/big` a large body, anything with a body: how many bytes came.

    python sink.py PLAIN_FD TLS_FD CERTIFICATE BIG_FILE        the descriptors are listening sockets
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading

SMALL = b'{"id": 1, "name": "courser", "items": [1, 2, 3, 4]}\n'
BUFFER = 1024 * 1024


class Connection:
    def __init__(self, sock: socket.socket, big: str) -> None:
        self.sock, self.big = sock, big
        self.truncate = socket.MSG_TRUNC if sys.platform == "linux" and not isinstance(sock, ssl.SSLSocket) else 0
        self.rest = b""

    def serve(self) -> None:
        with self.sock:
            try:
                while self._exchange():
                    pass
            except OSError:
                return

    def _exchange(self) -> bool:
        while b"\r\n\r\n" not in self.rest:
            if not (data := self.sock.recv(65536)):
                return False
            self.rest += data
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            self._answer(str(self._chunked()).encode())
        elif b"\r\ncontent-length:" in lower:
            size = int(lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
            self._skip(size)
            self._answer(str(size).encode())
        else:
            self._get(head.split(b" ", 2)[1])
        return True

    def _get(self, path: bytes) -> None:
        if path == b"/big":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % os.path.getsize(self.big))
            with open(self.big, "rb") as file:
                self.sock.sendfile(file)
            return
        self._answer(SMALL)

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.sock.sendall(head % len(body) + body)

    def _skip(self, size: int) -> None:
        size -= len(self.rest)
        self.rest = self.rest[size:] if size < 0 else b""
        buffer = bytearray(BUFFER)
        while size > 0:
            if self.truncate:
                count = self.sock.recv_into(buffer, min(size, BUFFER), self.truncate)
            else:
                count = self.sock.recv_into(buffer, min(size, BUFFER))
            if not count:
                raise ConnectionError("the body ended early")
            size -= count

    def _chunked(self) -> int:
        total = 0
        while True:
            while b"\r\n" not in self.rest:
                if not (data := self.sock.recv(4096)):
                    raise ConnectionError("the body ended early")
                self.rest += data
            line, _, self.rest = self.rest.partition(b"\r\n")
            size = int(line, 16)
            self._skip(size + 2)
            if not size:
                return total
            total += size


def _accept(listener: socket.socket, context: ssl.SSLContext | None, big: str) -> None:
    def run(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            Connection(context.wrap_socket(sock, server_side=True) if context else sock, big).serve()
        except OSError:
            sock.close()

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=run, args=(sock,), daemon=True).start()


def main(plain: int, tls: int, certificate: str, big: str) -> None:
    threading.stack_size(256 * 1024)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    listeners = ((socket.socket(fileno=tls), context), (socket.socket(fileno=plain), None))
    threads = [
        threading.Thread(target=_accept, args=(listener, context, big), daemon=True) for listener, context in listeners
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
