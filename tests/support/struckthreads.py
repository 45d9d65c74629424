"""Threads that share an HTTP/2 connection, struck at any moment; run as a program of its own.

An exception that is pending in a thread which sleeps makes CPython 3.11 spin in every other thread that is traced, so
this cannot be done where coverage is measured.
"""

from __future__ import annotations

import ctypes
import random
import sys
import threading
import time
from contextlib import suppress

from h2server import FrameServer, answering

import courser

THREADS = 16
STRIKES = 200


class Struck(BaseException):
    pass


class Worker(threading.Thread):
    """Asks again and again, whatever strikes it.

    Attributes:
        asked: requests that it has begun since it was struck.
    """

    def __init__(self, client: courser.Client, url: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client, self.url, self.stop = client, url, stop
        self.asked = self.struck = self.answers = 0

    def run(self) -> None:
        while not self.stop.is_set():
            with suppress(Struck):
                self._ask()
                continue
            self.asked = 0
            self.struck += 1

    def _ask(self) -> None:
        while not self.stop.is_set():
            self.asked += 1
            with suppress(courser.HTTPError):
                self.answers += self.client.get(self.url).status_code == 200

    def strike(self) -> None:
        """Raise in it, wherever it is."""
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident or 0), ctypes.py_object(Struck))


def main(seed: int) -> None:
    """Strike them, and see that those who were not struck go on, and that all end."""
    sys.unraisablehook = lambda unraisable: None
    chance = random.Random(seed)
    server = FrameServer(answering(lambda peer, asked: peer.answer(asked, b"fine")))
    client = courser.Client(http1=False, timeout=courser.Timeout(pool=20.0, total=20.0))
    stop = threading.Event()
    workers = [Worker(client, server.url("/"), stop) for _ in range(THREADS)]
    sys.setswitchinterval(1e-4)
    for worker in workers:
        worker.start()
    for _ in range(STRIKES):
        time.sleep(chance.random() * 0.01)
        worker = chance.choice(workers)
        if worker.asked > 2:  # one exception does not strike while another one is cleared up
            worker.asked = -sys.maxsize
            worker.strike()
    answers = sum(worker.answers for worker in workers)
    end = time.monotonic() + 20
    while sum(worker.answers for worker in workers) < answers + THREADS and time.monotonic() < end:
        time.sleep(0.01)
    assert sum(worker.answers for worker in workers) > answers, "nobody goes on"
    stop.set()
    for worker in workers:
        worker.join(10)
    assert not any(worker.is_alive() for worker in workers), "somebody sleeps for ever"
    assert sum(worker.struck for worker in workers) > STRIKES // 10
    assert client.get(server.url("/")).content == b"fine"
    client.close()
    server.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
