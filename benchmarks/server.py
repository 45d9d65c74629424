"""The servers that the clients are measured against, on a core of their own, on free ports, gone when the run ends.

nginx where it is installed: one worker, connections kept for ever, three ports (plain, TLS, TLS with HTTP/2). Uploads,
and everything where there is no nginx, are served by `sink.py`, which says why; what has to be held is by `gate.py`;
WebSockets are by `echo.py`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import trustme

from sink import SMALL

CLIENT_CORE, SERVER_CORE = 0, 1

NGINX = """
daemon off; {user} worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
worker_rlimit_nofile 30000;
events {{ worker_connections 20000; }}
http {{
    access_log off; sendfile on; sendfile_max_chunk 256k;
    keepalive_requests 1000000000; keepalive_timeout 3600s;
    http2_max_concurrent_streams 1000; http2_body_preread_size 1m;
    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.pem; ssl_protocols TLSv1.3;
    server {{ listen 127.0.0.1:{plain} backlog=4096; include {root}/locations; }}
    server {{ listen 127.0.0.1:{tls} ssl backlog=4096; include {root}/locations; }}
    server {{ listen 127.0.0.1:{http2} ssl http2 backlog=4096; include {root}/locations; }}
}}
"""
LOCATIONS = """
root {root}/www; default_type application/octet-stream;
location = /s {{ default_type application/json; return 200 '{small}'; }}
location = /h2 {{
    default_type application/json;
    if ($server_protocol != HTTP/2.0) {{ return 421; }}
    return 200 '{small}';
}}
location = /u {{
    proxy_pass http://127.0.0.1:{sink}; proxy_http_version 1.1; proxy_request_buffering off; client_max_body_size 0;
}}
"""


def cores() -> tuple[int, int] | None:
    """The core of the clients and that of the servers; None where the two cannot be kept apart."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None
    return CLIENT_CORE, SERVER_CORE


def _as_server() -> None:
    """Run in the child: take the server's core, and die with the parent, however it ends."""
    if pair := cores():
        os.sched_setaffinity(0, {pair[1]})
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _listener() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
    sock.set_inheritable(True)
    return sock


@dataclass(frozen=True)
class Urls:
    """Where everything is; `http2` is None where no server offers it."""

    plain: str
    tls: str
    http2: str | None
    upload: str
    upload_tls: str
    gate: str
    echo: str
    ca: str
    small_size: int
    big_size: int
    big_file: str
    name: str


class Server:
    """A context manager that starts the servers and gives their `Urls`.

    Args:
        big_size: bytes of the large file, which lies in memory and takes none there because it is sparse.
        nginx: whether to use nginx where it is installed.
    """

    def __init__(self, big_size: int, nginx: bool = True) -> None:
        self.big_size = big_size
        self.nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") if nginx else None
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Urls:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.root = Path(tempfile.mkdtemp(prefix="courser-bench-", dir=memory))
        try:
            return self._start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc_info: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def _start(self) -> Urls:
        self._write_files()
        plain_sink, tls_sink = self._start_sink()
        gate, echo = self._start_program("gate.py"), self._start_program("echo.py")
        name = f"Python threads ({sys.version.split()[0]})"
        ports = {"plain": plain_sink, "tls": tls_sink, "http2": None}
        if self.nginx:
            ports = self._start_nginx(self.nginx, plain_sink)
            answer = subprocess.run([self.nginx, "-v"], capture_output=True, text=True, check=True)
            name = answer.stderr.strip().removeprefix("nginx version: ")
        return Urls(
            plain=f"http://127.0.0.1:{ports['plain']}",
            tls=f"https://127.0.0.1:{ports['tls']}",
            http2=f"https://127.0.0.1:{ports['http2']}" if ports["http2"] else None,
            upload=f"http://127.0.0.1:{plain_sink}",
            upload_tls=f"https://127.0.0.1:{tls_sink}",
            gate=f"http://127.0.0.1:{gate}",
            echo=f"ws://127.0.0.1:{echo}",
            ca=str(self.root / "ca.pem"),
            small_size=len(SMALL),
            big_size=self.big_size,
            big_file=str(self.root / "www" / "big"),
            name=name,
        )

    def _write_files(self) -> None:
        www = self.root / "www"
        www.mkdir()
        (www / "big").touch()
        os.truncate(www / "big", self.big_size)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.root / "ca.pem")
        authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(
            self.root / "server.pem"
        )

    def _start_sink(self) -> tuple[int, int]:
        with _listener() as plain, _listener() as tls:
            program = Path(__file__).with_name("sink.py")
            files = self.root / "server.pem", self.root / "www" / "big"
            arguments = [program, plain.fileno(), tls.fileno(), *files]
            self._spawn([sys.executable, *map(str, arguments)], plain, tls)
            return plain.getsockname()[1], tls.getsockname()[1]

    def _start_program(self, name: str) -> int:
        with _listener() as listener:
            program = Path(__file__).with_name(name)
            self._spawn([sys.executable, str(program), str(listener.fileno())], listener)
            return int(listener.getsockname()[1])

    def _start_nginx(self, program: str, sink: int) -> dict[str, int | None]:
        ports: dict[str, int | None] = {name: _free_port() for name in ("plain", "tls", "http2")}
        user = "user root;" if os.getuid() == 0 else ""
        (self.root / "nginx.conf").write_text(NGINX.format(root=self.root, user=user, **ports))
        small = SMALL.decode().replace("\n", "\\n")
        (self.root / "locations").write_text(LOCATIONS.format(root=self.root, small=small, sink=sink))
        self._spawn([program, "-e", f"{self.root}/error.log", "-p", str(self.root), "-c", f"{self.root}/nginx.conf"])
        for port in ports.values():
            self._wait_for(port)
        return ports

    def _spawn(self, command: list[str], *sockets: socket.socket) -> None:
        fds = tuple(sock.fileno() for sock in sockets)
        self.processes.append(subprocess.Popen(command, pass_fds=fds, preexec_fn=_as_server))

    def _wait_for(self, port: int | None) -> None:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port or 0), 1).close()
                return
            except ConnectionRefusedError:
                if self.processes[-1].poll() is not None:
                    break
                time.sleep(0.02)
        raise RuntimeError(f"nginx does not answer on port {port}: {(self.root / 'error.log').read_text()[-800:]}")


if __name__ == "__main__":
    with Server(1 << 30) as urls:
        print(urls, flush=True)
        signal.pause()
