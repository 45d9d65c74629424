"""Many requests at once on a few connections of HTTP/2: in tasks, in `map`, in threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from authority import Authority
from http2_peers import OPTIONS, Peer
from worlds import World

import courser

doors = pytest.mark.parametrize("door", ["tls", "plain"])

MANY = 1000

THREADS = 20


@doors
@pytest.mark.parametrize("world", ["asyncio", "uvloop", "trio"], indirect=True)
async def test_a_thousand_at_once(world: World, peer: Peer, authority: Authority, door: str) -> None:
    """They wait for the places that the peer grants, and each gets the answer to its own question."""
    client = world.client(verify=authority.roots, **OPTIONS[door])

    async def ask(number: int) -> str:
        if number % 2:
            return str((await client.get(peer.url("/hello", door))).text)
        return str((await client.post(peer.url("/echo", door), content=b"%d" % number)).text)

    results = await world.together(*[lambda n=n: ask(n) for n in range(MANY)])  # type: ignore[misc]

    assert results == ["hello\n" if number % 2 else str(number) for number in range(MANY)]
    assert client.stats()["connections"] == client.stats()["idle"] <= 20


@doors
def test_map(peer: Peer, authority: Authority, door: str) -> None:
    with courser.Client(verify=authority.roots, **OPTIONS[door]) as client:
        questions = [
            client.build_request("POST", peer.url("/echo", door), content=b"%d" % number) for number in range(MANY)
        ]

        answers = list(client.map(questions, concurrency=500))

        assert [answer.text for answer in answers] == [str(number) for number in range(MANY)]
        assert {answer.http_version for answer in answers} == {"HTTP/2"}
        assert client.stats()["connections"] <= 20


def side_by_side(*calls: Any) -> list[Exception]:
    """Run calls in threads; gives what they raised."""
    errors: list[Exception] = []

    def run(call: Any) -> None:
        try:
            call()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@doors
def test_threads_on_one_client(peer: Peer, authority: Authority, door: str) -> None:
    answers: list[tuple[str, str]] = []

    def ask(name: int) -> None:
        for number in range(50):
            question = f"{name} {number}"
            answer = client.post(peer.url("/echo", door), content=question.encode())
            answers.append((question, answer.text))
            answers.append(("hello\n", client.get(peer.url("/hello", door)).text))

    with courser.Client(verify=authority.roots, **OPTIONS[door]) as client:
        errors = side_by_side(*[lambda name=name: ask(name) for name in range(THREADS)])

        assert client.stats() == {"connections": 1, "idle": 1}
    assert errors == []
    assert len(answers) == THREADS * 100
    assert [pair for pair in answers if pair[0] != pair[1]] == []


@pytest.mark.parametrize("peer", ["nginx", "caddy"], indirect=True)
def test_threads_with_large_bodies(peer: Peer, authority: Authority) -> None:
    bodies = [bytes([name]) * 300_000 for name in range(THREADS)]

    def ask(name: int) -> None:
        for _ in range(5):
            assert client.post(peer.url("/echo"), content=bodies[name]).content == bodies[name]

    with courser.Client(verify=authority.roots, http2=True) as client:
        assert side_by_side(*[lambda name=name: ask(name) for name in range(THREADS)]) == []
