"""Real servers that speak HTTP/2: h2o, nghttpd, caddy, and nghttpx in front of an nginx; nginx itself is in `nginx.py`.

They take their files from nginx's folder and pass on to the server behind it, so they all know the same paths:
/hello, /text.txt, /big.bin, /packed/text.txt (in gzip), and those of `upstream.py`. nghttpd passes on nothing: it has
the files, and gives back what is POSTed to it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from relays import Program, found

if TYPE_CHECKING:
    from collections.abc import Callable
    from signal import Signals

    from nginx import Nginx

PEERS: Final = ("nginx", "h2o", "nghttpd", "caddy", "nghttpx")

PACKAGES: Final = {"nghttpd": "nghttp2-server", "nghttpx": "nghttp2-proxy"}

DYNAMIC: Final = ("echo", "digest", "cookies", "many", "trailers", "status")
"""Paths of the server behind them."""

OPTIONS: Final[dict[str, dict[str, Any]]] = {"tls": {"http2": True}, "plain": {"http1": False, "http2": True}}
"""What a client is given to speak HTTP/2 at a door: chosen in the handshake, or known beforehand."""

H2O: Final = """
{user}
pid-file: {folder}/h2o.pid
error-log: {folder}/h2o.log
num-threads: 1
proxy.preserve-host: ON
listen: {{ host: 127.0.0.1, port: {plain} }}
listen: {{ host: 127.0.0.1, port: {tls}, ssl: {{ certificate-file: {certificate}, key-file: {key} }} }}
hosts:
  default:
    paths:
      "/": {{ file.dir: "{files}" }}
      "/packed": {{ file.dir: "{files}", gzip: ON }}
"""

H2O_PASSES_ON: Final = '      "/{path}": {{ proxy.reverse.url: "http://[unix:{upstream}]/{path}" }}\n'

CADDY: Final = """
{{
    admin unix//{folder}/admin
    auto_https off
    log {{
        output file {folder}/caddy.log
        level WARN
    }}
    servers {{
        protocols h1 h2 h2c
    }}
}}
(all) {{
    bind 127.0.0.1
    root * {files}
    handle /echo {{
        reverse_proxy unix/{upstream} {{
            buffer_requests
        }}
    }}
    @dynamic path /digest /cookies /many /trailers /status/*
    handle @dynamic {{
        reverse_proxy unix/{upstream}
    }}
    handle_path /packed/* {{
        encode gzip
        file_server
    }}
    handle /hints {{
        route {{
            header Link "</style.css>; rel=preload"
            respond 103
            respond "hello"
        }}
    }}
    handle {{
        file_server
    }}
}}
http://127.0.0.1:{plain} {{
    import all
}}
https://127.0.0.1:{tls}, https://localhost:{tls} {{
    tls {certificate} {key}
    import all
}}
"""
"""It takes an echo's request whole before it passes that on: Go's HTTP/1.1 may take a large answer that comes in the
very moment in which the request is whole for an early one, and give up on it (one of 300)."""


class Peer:
    """A server that speaks HTTP/2, over TLS and without it.

    Args:
        name: of the program.
        tls, plain: its ports.
        programs: what has to be ended; none for what belongs to somebody else.
    """

    def __init__(self, name: str, tls: int, plain: int, *programs: Program) -> None:
        self.name = name
        self.programs = programs
        self._ports = {"tls": tls, "plain": plain}

    @property
    def passes_on(self) -> bool:
        """Whether there is another server behind it."""
        return self.name != "nghttpd"

    def url(self, path: str, door: str = "tls", host: str = "127.0.0.1") -> str:
        """The URL of a path, by TLS or without."""
        return f"http{'s' if door == 'tls' else ''}://{host}:{self._ports[door]}{path}"

    def restart(self, sign: Signals) -> None:
        """End it with a signal, and start it again on the same ports."""
        for program in self.programs:
            program.restart(sign)

    def close(self) -> None:
        """End it."""
        for program in self.programs:
            program.close()


Start: TypeAlias = "Callable[[Nginx, str, str], Peer]"


def nginx(server: Nginx, certificate: str, key: str) -> Peer:
    """nginx, which runs already."""
    return Peer("nginx", server.ports["h2_tls"], server.ports["h2"])


def h2o(server: Nginx, certificate: str, key: str) -> Peer:
    """h2o."""
    program = Program("h2o", ("tls", "plain"))
    user = "user: root" if os.geteuid() == 0 else ""
    config = H2O.format(**_names(program, server), certificate=certificate, key=key, user=user)
    config += "".join(H2O_PASSES_ON.format(path=path, upstream=server.upstream) for path in DYNAMIC)
    return _started(program, "-c", program.write("h2o.conf", config))


def caddy(server: Nginx, certificate: str, key: str) -> Peer:
    """caddy."""
    program = Program("caddy", ("tls", "plain"))
    config = CADDY.format(**_names(program, server), certificate=certificate, key=key)
    return _started(program, "run", "--adapter", "caddyfile", "--config", program.write("Caddyfile", config))


def nghttpd(server: Nginx, certificate: str, key: str, *options: str) -> Peer:
    """nghttpd, once with TLS and once without."""
    common = (*options, "-a", "127.0.0.1", "-d", f"{server.folder}/www", "--echo-upload", "--trailer", "x-sum: 4")
    tls, plain = Program("nghttpd", ("it",)), Program("nghttpd", ("it",))
    tls.start(*common, str(tls.ports["it"]), key, certificate)
    plain.start(*common, "--no-tls", str(plain.ports["it"]))
    return Peer("nghttpd", tls.ports["it"], plain.ports["it"], tls, plain)


def nghttpx(server: Nginx, certificate: str, key: str, *options: str) -> Peer:
    """nghttpx in front of the nginx; trailers, which nginx does not pass on, are fetched from behind it."""
    program = Program("nghttpx", ("tls", "plain"))
    fronts = (f"-f127.0.0.1,{program.ports['tls']}", f"-f127.0.0.1,{program.ports['plain']};no-tls")
    backs = (f"-bunix:{server.socket}", f"-bunix:{server.upstream};/trailers")
    log = f"--errorlog-file={program.folder}/nghttpx.log"
    return _started(program, "--conf=/dev/null", "--single-process", log, *fronts, *backs, *options, key, certificate)


STARTS: Final[dict[str, Start]] = {
    "nginx": nginx,
    "h2o": h2o,
    "nghttpd": nghttpd,
    "caddy": caddy,
    "nghttpx": nghttpx,
}


class Peers:
    """Those that were asked for, which run until the tests are over.

    Args:
        server: the nginx that all others lean on.
        certificate, key: what they prove themselves with.
    """

    def __init__(self, server: Nginx, certificate: str, key: str) -> None:
        self._common = (server, certificate, key)
        self._running: dict[str, Peer] = {}

    def __getitem__(self, name: str) -> Peer:
        """A running peer.

        Raises:
            LookupError: its program is not installed.
        """
        if name not in self._running:
            if found(name) is None:
                raise LookupError(f"{name} is not installed (Debian: apt install {PACKAGES.get(name, name)})")
            self._running[name] = STARTS[name](*self._common)
        return self._running[name]

    def close(self) -> None:
        """End them all."""
        for peer in self._running.values():
            peer.close()


def _names(program: Program, server: Nginx) -> dict[str, Any]:
    files = f"{server.folder}/www"
    return {"folder": program.folder, "files": files, "upstream": server.upstream, **program.ports}


def _started(program: Program, *arguments: str) -> Peer:
    program.start(*arguments)
    return Peer(program.name, program.ports["tls"], program.ports["plain"], program)
