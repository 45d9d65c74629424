"""A real nginx with everything that the tests ask of it, in a folder of its own and on free ports of the loopback.

It runs as whoever runs the tests, and ends when they do, however they end.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

PROGRAM: Final = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

PATIENCE: Final = 10.0
"""Seconds within which it has to be there, or gone."""

BIG: Final = 64 * 1024 * 1024

HTTP1: Final = ("plain", "tls", "tls12", "tls13", "certified", "ten", "ten_tls", "hasty", "hasty_tls")
"""Its listeners that speak HTTP/1.1: ten ends a connection after ten requests, hasty when it was idle for a second."""

HTTP2: Final = ("h2", "h2_tls", "hundred_h2", "hundred_h2_tls", "hasty_h2", "hasty_h2_tls")
"""Those that speak HTTP/2, and HTTP/1.1 only over TLS: hundred ends a connection after a hundred requests."""

PORTS: Final = HTTP1 + HTTP2

CONFIG: Final = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log nginx.log warn;
{user}
events {{ worker_connections 2048; }}
http {{
    access_log off;
    default_type application/octet-stream;
    types {{ text/plain txt; text/html shtml; }}
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    scgi_temp_path temp/scgi;
    uwsgi_temp_path temp/uwsgi;
    client_max_body_size 0;
    large_client_header_buffers 4 32k;
    keepalive_requests 100000;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_session_cache shared:tests:1m;
    upstream embedded {{ server unix:{folder}/upstream; keepalive 8; }}

    server {{ listen 127.0.0.1:{plain}; listen unix:{folder}/socket; listen 127.0.0.1:{tls} ssl; include locations; }}
    server {{ listen 127.0.0.1:{tls12} ssl; ssl_protocols TLSv1.2; include locations; }}
    server {{ listen 127.0.0.1:{tls13} ssl; ssl_protocols TLSv1.3; include locations; }}
    server {{
        listen 127.0.0.1:{certified} ssl; include locations;
        ssl_client_certificate {roots}; ssl_verify_client on;
    }}
    server {{ listen 127.0.0.1:{ten}; listen 127.0.0.1:{ten_tls} ssl; keepalive_requests 10; include locations; }}
    server {{ listen 127.0.0.1:{h2} http2; listen 127.0.0.1:{h2_tls} ssl http2; include locations; }}
    server {{
        listen 127.0.0.1:{hundred_h2} http2; listen 127.0.0.1:{hundred_h2_tls} ssl http2; include locations;
        keepalive_requests 100;
    }}
    server {{
        listen 127.0.0.1:{hasty_h2} http2; listen 127.0.0.1:{hasty_h2_tls} ssl http2; include locations;
        keepalive_timeout 1s;
    }}
    server {{ listen 127.0.0.1:{hasty}; listen 127.0.0.1:{hasty_tls} ssl; keepalive_timeout 1s; include locations; }}
}}
"""

LOCATIONS: Final = r"""
root www;
location = /hello { return 200 "hello\n"; }
location = /pid { return 200 "$pid"; }
location = /connection { return 200 "$connection $connection_requests"; }
location = /tls { return 200 "$ssl_protocol,$ssl_session_reused,$ssl_server_name,$ssl_client_verify,$ssl_client_s_dn"; }
location = /fields { add_header X-Back $http_x_large; return 200 "$http_x_large"; }
location = /nothing { return 204; }
location = /broken { return 500 "something is broken\n"; }
location = /last { keepalive_timeout 0; return 200 "goodbye\n"; }
location = /moved { return 301 /hello; }
location = /found { return 302 /echo?found; }
location = /again { return 307 /echo?again; }
location = /other { return 308 /moved; }
location = /loop { return 302 /loop; }
location /packed/ { alias www/; gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0; }
location /pages/ { alias www/; ssi on; }
location /slow/ { alias www/; limit_rate 16k; }
location /private/ { alias www/; auth_basic "for members"; auth_basic_user_file passwords; }
location = /ws {
    include sockets; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
}
location ~ ^/(echo|digest|cookies|many|trailers|status/[0-9]+)$ {
    proxy_pass http://embedded; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
    proxy_buffer_size 32k; proxy_buffers 8 32k;
}
"""

PASSWORDS: Final = "member:{PLAIN}open sesame\nJ\xfcrgen:{PLAIN}p\xe4ssword\n"

STORE: Final = "location /store/ { root .; dav_methods PUT DELETE; create_full_put_path on; }\n"


class Nginx:
    """The server.

    Args:
        folder: where it keeps everything.
        certificate, key: what it proves itself with.
        roots: who vouches for its clients.

    Attributes:
        ports: the port of each listener.
        socket: the path of its Unix socket.
        upstream: the path of the one of the server behind it.
        has_dav: whether files can be PUT to /store/.
        text, big: what is served as text.txt and big.bin.
    """

    def __init__(self, folder: Path, certificate: str, key: str, roots: str) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        self.socket = str(folder / "socket")
        self.upstream = str(folder / "upstream")
        self.has_dav = "http_dav_module" in _told_by(PROGRAM or "nginx", "-V")
        self.text = "".join(f"line {number} of a text that packs well\n" for number in range(20_000)).encode()
        self.big = random.Random(7).randbytes(BIG)
        self._names = {"certificate": certificate, "key": key, "roots": roots, "folder": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        for name in ("www", "temp", "store"):
            (folder / name).mkdir()
        (folder / "www/text.txt").write_bytes(self.text)
        (folder / "www/big.bin").write_bytes(self.big)
        (folder / "passwords").write_text(PASSWORDS, encoding="utf-8")
        (folder / "www/page.shtml").write_text('<p><!--# echo var="request_method" --></p>\n' * 100)
        (folder / "locations").write_text(LOCATIONS + (STORE if self.has_dav else ""))
        (folder / "www/hello").write_bytes(b"hello\n")
        (folder / "sockets").write_text("return 502;\n")
        self._behind = _start_upstream(self.upstream)

    def url(self, path: str, listener: str = "plain", host: str = "127.0.0.1") -> str:
        """The URL of a path at one of the listeners."""
        secure = "tls" in listener or listener == "certified"
        return f"http{'s' if secure else ''}://{host}:{self.ports[listener]}{path}"

    def start(self) -> None:
        """Start on free ports; somebody else may take one of them first, so it is tried again with others."""
        for _ in range(5):
            self.ports = _free_ports()
            user = f"user {_user()};" if os.geteuid() == 0 else ""
            (self.folder / "nginx.conf").write_text(CONFIG.format(**self._names, **self.ports, user=user))
            if self._launch():
                return
        raise RuntimeError(f"nginx does not start: {(self.folder / 'nginx.log').read_text()}")

    def talk_to(self, port: int) -> None:
        """Have /ws lead to a WebSocket server."""
        (self.folder / "sockets").write_text(f"proxy_pass http://127.0.0.1:{port}/ws;\n")
        self.restart()

    def reload(self) -> None:
        """Have new workers take over; the old ones end with what they are at."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def strike(self) -> None:
        """Kill a worker where it stands; the master starts another one."""
        assert self._process is not None
        pid = self._process.pid
        for worker in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(worker), signal.SIGKILL)

    def restart(self) -> None:
        """End it at once, and start it on the same ports."""
        self._end()
        if not self._launch():
            raise RuntimeError(f"nginx does not start again: {(self.folder / 'nginx.log').read_text()}")

    def close(self) -> None:
        """End it and what is behind it."""
        self._end()
        assert self._behind.stdin is not None
        self._behind.stdin.close()
        self._behind.wait(PATIENCE)

    def _launch(self) -> bool:
        log = str(self.folder / "nginx.log")
        command = [PROGRAM or "nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", log]
        self._process = process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The pipe ends with the tests, even if they are killed.
        guard = ["sh", "-c", 'read nothing; kill "$0"', str(process.pid)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            if self._answers():
                return True
            time.sleep(0.01)
        self._end()
        return False

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.ports["plain"]), PATIENCE) as sock:
                sock.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
                return sock.recv(12) == b"HTTP/1.1 200"
        except OSError:
            return False

    def _end(self) -> None:
        for process in (self._guard, self._process):
            if process is not None:
                process.terminate()
                process.wait(PATIENCE)
                if process.stdin is not None:
                    process.stdin.close()
        self._guard = self._process = None
        Path(self.socket).unlink(missing_ok=True)


def _free_ports() -> dict[str, int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = {name: sock.getsockname()[1] for name, sock in zip(PORTS, sockets, strict=True)}
    for sock in sockets:
        sock.close()
    return ports


def _user() -> str:
    """The name of who we are: the workers of a root's nginx would be nobody, who may not enter the folder."""
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _told_by(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _start_upstream(path: str) -> subprocess.Popen[bytes]:
    script = str(Path(__file__).with_name("upstream.py"))
    process = subprocess.Popen([sys.executable, script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the server behind nginx does not start")
    return process
