"""When a proxy is used, and when not."""

from __future__ import annotations

from typing import Any, Final

from case import Case, Judge, judged
from scene import Seen
from scripts import PLAIN, PROXY

GET: Final = {"method": "GET", "url": "<home>/"}
BOTH: Final = {"home": PLAIN, "proxy": PROXY}


def through(what: str) -> Judge:
    """Who answered."""

    def judge(seen: Seen) -> str:
        if seen.value == what:
            return ""
        return {"proxy": "goes to the proxy", "origin": "goes past the proxy"}.get(seen.value, f"gives {seen.value!r}")

    return judge


def exempt(exceptions: str, **more: Any) -> dict[str, Any]:
    """A GET with a proxy in the environment, and exceptions from it."""
    env = {"http_proxy": "<proxy>", "no_proxy": exceptions, "NO_PROXY": exceptions}
    return {"servers": BOTH, "env": env, "steps": [GET], **more}


def _from_there(seen: Seen) -> str:
    if seen.value != "proxy":
        return "goes past the proxy"
    return "" if seen.scene.sources == ["127.0.0.2"] else f"connects from {seen.scene.sources[-1]}"


CASES: Final = [
    Case(
        id="no-proxy-of-part-of-a-name",
        kind="leak",
        row="1.6.7",
        does="no_proxy=host, and GET of http://localhost/, which ends in the same letters.",
        right="The proxy is used: names match at their dots.",
        judge=through("proxy"),
        **exempt("host", steps=[{"method": "GET", "url": "http://localhost:<home:port>/"}]),
    ),
    Case(
        id="no-proxy-of-a-network",
        kind="change",
        row="1.6.12",
        does="no_proxy=127.0.0.0/8, and GET of http://127.0.0.1/.",
        right="The proxy is not used, as with curl and Go.",
        judge=through("origin"),
        **exempt("127.0.0.0/8"),
    ),
    Case(
        id="no-proxy-of-a-port",
        kind="change",
        row="1.6.11",
        does="no_proxy names the address with its port.",
        right="The proxy is not used.",
        judge=through("origin"),
        **exempt("127.0.0.1:<home:port>"),
    ),
    Case(
        id="no-proxy-of-everything",
        kind="change",
        row="1.6.10",
        does="no_proxy=example.com,*, and GET of http://127.0.0.1/.",
        right="The proxy is not used: * stands for all.",
        judge=through("origin"),
        **exempt("example.com,*"),
    ),
    Case(
        id="no-proxy-of-ipv6",
        kind="refusal",
        row="1.6.13",
        does="no_proxy=[::1],fd00::/8,127.0.0.1, and GET of http://127.0.0.1/.",
        right="The proxy is not used, and nothing breaks.",
        judge=through("origin"),
        **exempt("[::1],fd00::/8,127.0.0.1"),
    ),
    Case(
        id="unknown-proxy-not-needed",
        kind="refusal",
        row="1.6.1",
        does="all_proxy=socks4://..., and no_proxy exempts the host that is asked.",
        right="A proxy that is not used does no harm.",
        servers={"home": PLAIN},
        env={"all_proxy": "socks4://127.0.0.1:9", "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"},
        steps=[GET],
        judge=through("origin"),
    ),
    Case(
        id="all-proxy",
        kind="leak",
        row="1.6.6",
        does="all_proxy names a proxy, and GET of http://127.0.0.1/.",
        right="The proxy is used: who sets it does not want to be seen without.",
        servers=BOTH,
        env={"all_proxy": "<proxy>"},
        steps=[GET],
        judge=through("proxy"),
    ),
    Case(
        id="https-proxy-of-the-environment",
        kind="leak",
        row="1.6.6",
        does="http_proxy=https://..., a proxy whose certificate nobody trusts, and GET of http://127.0.0.1/.",
        right="An error: never past the proxy.",
        judge=judged(through("proxy")),
        servers=BOTH,
        tls={"proxy": "stranger"},
        env={"http_proxy": "<proxy>"},
        steps=[GET],
        error_is_right=True,
    ),
    Case(
        id="proxy-of-the-client-over-the-environment",
        kind="leak",
        row="1.3.2",
        does="A client is given a proxy, and the environment names another one.",
        right="The client's is used.",
        servers={"home": PLAIN, "proxy": PROXY, "stranger": PLAIN},
        client={"proxy": "<proxy>"},
        env={"http_proxy": "<stranger>"},
        steps=[GET],
        judge=through("proxy"),
    ),
    Case(
        id="local-address-with-a-proxy",
        kind="loss",
        row="1.6.16",
        does="A client with local_address='127.0.0.2' and a proxy.",
        right="It connects to the proxy from there.",
        servers=BOTH,
        client={"local_address": "127.0.0.2", "proxy": "<proxy>"},
        steps=[GET],
        judge=_from_there,
    ),
]
