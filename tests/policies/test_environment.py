"""HTTP_PROXY and its kin."""

from __future__ import annotations

import pytest

from courser.policies.environment import Environment

P, Q, R = "http://p.example:1", "http://q.example:2", "socks5://r.example:3"

HTTP, HTTPS = (False, "a.example", 80), (True, "a.example", 443)

CASES: list[tuple[dict[str, str], str | None, str | None]] = [
    # variables, proxy for http and ws, proxy for https and wss
    ({}, None, None),
    ({"HTTP_PROXY": P}, P, None),
    ({"http_proxy": P}, P, None),
    ({"HTTPS_PROXY": P}, None, P),
    ({"https_proxy": P}, None, P),
    ({"ALL_PROXY": P}, P, P),
    ({"all_proxy": P}, P, P),
    ({"HTTP_PROXY": P, "HTTPS_PROXY": Q, "ALL_PROXY": R}, P, Q),
    ({"HTTP_PROXY": P, "http_proxy": Q}, Q, None),
    ({"HTTP_PROXY": P, "http_proxy": ""}, None, None),
    ({"HTTPS_PROXY": "  ", "ALL_PROXY": R}, R, R),
    ({"HTTPS_PROXY": f" {P}\n"}, None, P),
    ({"Http_Proxy": P}, None, None),
    ({"WS_PROXY": P, "WSS_PROXY": P, "FTP_PROXY": P}, None, None),
    ({"HTTPS_PROXY": P, "NO_PROXY": "a.example"}, None, None),
    ({"HTTPS_PROXY": P, "no_proxy": "a.example"}, None, None),
    ({"HTTPS_PROXY": P, "NO_PROXY": "a.example", "no_proxy": ""}, None, P),
    ({"HTTPS_PROXY": P, "NO_PROXY": "a.example:443"}, None, None),
    ({"ALL_PROXY": P, "NO_PROXY": "a.example:443"}, P, None),
    ({"HTTPS_PROXY": P, "NO_PROXY": "not-a.example,[,10.0.0.0/99"}, None, P),
]


@pytest.mark.parametrize(("variables", "plain", "secure"), CASES)
def test_variables(variables: dict[str, str], plain: str | None, secure: str | None) -> None:
    environment = Environment(variables)

    assert environment.advise(*HTTP).proxy == plain
    assert environment.advise(*HTTPS).proxy == secure


def test_the_reason_names_variables_and_entries_and_no_proxy_url() -> None:
    environment = Environment({"https_proxy": "http://u:secret@p:1", "NO_PROXY": "x,*.corp", "ALL_PROXY": P})

    assert environment.advise(*HTTPS).reason == "https_proxy in the environment"
    assert environment.advise(*HTTP).reason == "ALL_PROXY in the environment"
    assert environment.advise(True, "a.corp", 443).reason == "NO_PROXY has '*.corp', against https_proxy"
    assert Environment({}).advise(*HTTPS).reason == "the environment names no proxy"


def test_cve_2016_1000110_cve_2016_1000111_a_cgi_program_does_not_take_the_header_proxy_for_its_own() -> None:
    cgi = {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}

    assert Environment(cgi).advise(*HTTP).proxy is None
    assert Environment({**cgi, "http_proxy": Q}).advise(*HTTP).proxy == Q
    assert Environment({**cgi, "ALL_PROXY": R}).advise(*HTTP).proxy == R
    assert Environment({"HTTPS_PROXY": P, "REQUEST_METHOD": "GET"}).advise(*HTTPS).proxy == P


def test_whether_any_proxy_is_named() -> None:
    assert Environment({"ALL_PROXY": P})
    assert not Environment({"NO_PROXY": "*", "HTTP_PROXY": ""})


def test_it_is_read_once() -> None:
    variables = {"HTTPS_PROXY": P}
    environment = Environment(variables)
    variables["HTTPS_PROXY"] = Q

    assert environment.advise(*HTTPS).proxy == P
