"""Logging in to nginx, which knows Basic authentication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nginx import Nginx
from worlds import World

import courser


@pytest.mark.parametrize(
    "auth",
    [
        ("member", "open sesame"),
        (b"member", b"open sesame"),
        ("J\xfcrgen", "p\xe4ssword"),
        courser.BasicAuth("member", "open sesame"),
    ],
    ids=["text", "bytes", "unicode", "object"],
)
async def test_members_are_let_in(world: World, nginx: Nginx, auth: Any) -> None:
    client = world.client(auth=auth)

    for _ in range(2):
        assert (await client.get(nginx.url("/private/text.txt"))).content == nginx.text
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("auth", [None, ("member", "wrong"), ("nobody", ""), courser.BearerAuth("member")])
async def test_others_are_not(world: World, nginx: Nginx, auth: Any) -> None:
    response = await world.client().get(nginx.url("/private/text.txt"), auth=auth)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="for members"'


async def test_digest_is_not_what_is_asked_for(world: World, nginx: Nginx) -> None:
    response = await world.client(auth=courser.DigestAuth("member", "open sesame")).get(nginx.url("/private/text.txt"))

    assert response.status_code == 401


async def test_a_user_in_the_url_and_one_in_a_file(
    world: World, nginx: Nginx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text('machine 127.0.0.1 login member password "open sesame"\n')
    client = world.client()

    response = await client.get(nginx.url("/private/text.txt", host="member:open%20sesame@127.0.0.1"))
    assert response.status_code == 200
    assert (await client.get(nginx.url("/private/text.txt"))).status_code == 401

    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert (await world.client().get(nginx.url("/private/text.txt"))).status_code == 200
