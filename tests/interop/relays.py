"""Real proxies, each in a folder of its own and on free ports of the loopback: squid, haproxy, microsocks, dante.

They end when the tests do, however these end.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import courser

PATIENCE: Final = 15.0
"""Seconds within which a program has to be there, or gone."""

FOLDERS: Final = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"

USER: Final = ("member", "open sesame")

SQUID: Final = """
http_port 127.0.0.1:{plain}
http_port 127.0.0.1:{members} name=members
https_port 127.0.0.1:{tls} tls-cert={folder}/cert.pem tls-key={folder}/key.pem
pid_filename {folder}/squid.pid
cache_log {folder}/cache.log
access_log stdio:{folder}/access.log logformat=common
logfile_rotate 0
coredump_dir {folder}
cache deny all
pinger_enable off
icp_port 0
shutdown_lifetime 0 seconds
visible_hostname squid.example
hosts_file {folder}/hosts
{user}
auth_param digest program {digest} {folder}/passwords
auth_param digest children 1
auth_param digest realm tests
auth_param digest nonce_max_count 4
auth_param basic program /bin/sh {folder}/basic.sh
auth_param basic children 1
auth_param basic realm tests
acl members myportname members
acl known proxy_auth REQUIRED
acl forbidden dstdomain forbidden.example
http_access deny forbidden
http_access deny members !known
http_access allow all
"""

BASIC: Final = """
while read -r user password rest; do
    if [ "$user $password" = "member open%20sesame" ]; then echo OK; else echo ERR; fi
done
"""

HAPROXY: Final = """
global
    maxconn 200
defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend https_proxy
    mode http
    bind 127.0.0.1:{tls} ssl crt {folder}/both.pem alpn h2,http/1.1
    default_backend squid
backend squid
    mode http
    server squid 127.0.0.1:{squid}
frontend tcp_proxy
    mode tcp
    bind 127.0.0.1:{tcp} ssl crt {folder}/both.pem
    default_backend raw
backend raw
    mode tcp
    server squid 127.0.0.1:{squid}
"""

DANTE: Final = """
logoutput: {folder}/danted.log
internal: 127.0.0.1 port = {plain}
external: lo
external.rotation: none
clientmethod: none
socksmethod: none
user.unprivileged: nobody
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks block {{ from: 0.0.0.0/0 to: 127.0.0.9/32 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 protocol: tcp }}
"""


def found(name: str) -> str | None:
    """The path of a program."""
    return shutil.which(name) or shutil.which(name, path=FOLDERS)


FRONT: Final = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 30s
listen tls
    bind 127.0.0.1:{tls} ssl crt {folder}/both.pem alpn h2,http/1.1
    server one 127.0.0.1:{server}
"""


class Program:
    """Another program that listens.

    Args:
        name: of the program.
        ports: names of the ports that it listens at.

    Attributes:
        folder: where it keeps everything; other users may enter it, for a root's programs become somebody else.
        ports: the port of each listener.
    """

    def __init__(self, name: str, ports: Sequence[str]) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"courser-{name}-"))
        self.folder.chmod(0o777)
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in ports]
        self.ports = {port: sock.getsockname()[1] for port, sock in zip(ports, sockets, strict=True)}
        for sock in sockets:
            sock.close()
        self._command: list[str] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
            "HOME": str(self.folder),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def write(self, name: str, text: str, mode: int = 0o644) -> str:
        """Write a file into the folder; gives its path."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def start(self, *arguments: str) -> None:
        """Start it, and wait until it listens at every port."""
        self._command = [found(self.name) or self.name, *arguments]
        self._launch()

    def restart(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """End it with a signal, and start it on the same ports once it is gone."""
        assert self._process is not None
        self._process.send_signal(sign)
        self._process.wait(PATIENCE)
        self._end()
        self._launch()

    def told(self) -> str:
        """What it has written into its logs."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End it, and forget its folder."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self) -> None:
        log = (self.folder / "output.log").open("ab")
        with log:
            process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=self._environment
            )
        self._process = process
        # The pipe ends with the tests, even if they are killed.
        guard = ["sh", "-c", 'read nothing; kill "$0"', str(process.pid)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            if all(_listens(port) for port in self.ports.values()):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not start: {self.told()}")

    def _end(self) -> None:
        for process in (self._guard, self._process):
            if process is not None:
                process.terminate()
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(PATIENCE)
                if process.stdin is not None:
                    process.stdin.close()
        self._guard = self._process = None


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except OSError:
        return False
    return True


def squid(certificate: str, key: str) -> Program:
    """squid: an HTTP proxy, one for members only (Basic and Digest), and one that is spoken to in TLS."""
    program = Program("squid", ("plain", "members", "tls"))
    program.write("cert.pem", Path(certificate).read_text())
    program.write("key.pem", Path(key).read_text())
    program.write("hosts", "127.0.0.1 localhost inner.example\n")
    program.write("passwords", f"{USER[0]}:{USER[1]}\n")
    program.write("basic.sh", BASIC)
    user = "cache_effective_user proxy" if os.geteuid() == 0 else ""
    names = {"folder": program.folder, "user": user, "digest": "/usr/lib/squid/digest_file_auth"}
    path = program.write("squid.conf", SQUID.format(**names, **program.ports))
    program.start("-N", "-f", path)
    return program


def haproxy(certificate: str, key: str, squid_port: int) -> Program:
    """haproxy: speaks TLS for a squid that does not, as HTTP and as bytes."""
    program = Program("haproxy", ("tls", "tcp"))
    program.write("both.pem", Path(certificate).read_text() + Path(key).read_text())
    path = program.write("haproxy.cfg", HAPROXY.format(folder=program.folder, squid=squid_port, **program.ports))
    program.start("-db", "-f", path)
    return program


def fronting(certificate: str, key: str, port: int) -> Program:
    """haproxy: speaks TLS for a server that does not."""
    program = Program("haproxy", ("tls",))
    program.write("both.pem", Path(certificate).read_text() + Path(key).read_text())
    path = program.write("haproxy.cfg", FRONT.format(folder=program.folder, server=port, **program.ports))
    program.start("-db", "-f", path)
    return program


def microsocks(*user: str) -> Program:
    """microsocks: SOCKS 5, with a user and a password if they are given."""
    program = Program("microsocks", ("plain",))
    options = ["-u", user[0], "-P", user[1]] if user else []
    program.start("-i", "127.0.0.1", "-p", str(program.ports["plain"]), *options)
    return program


def dante() -> Program:
    """dante: SOCKS 4 and 5."""
    program = Program("danted", ("plain",))
    path = program.write("danted.conf", DANTE.format(folder=program.folder, **program.ports))
    program.start("-f", path, "-p", str(program.folder / "danted.pid"))
    return program


def at(program: Program, port: str = "plain", scheme: str = "http", **options: Any) -> courser.Proxy:
    """How a client is told to go through it."""
    return courser.Proxy(f"{scheme}://127.0.0.1:{program.ports[port]}", **options)
