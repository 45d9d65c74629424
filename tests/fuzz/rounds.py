"""What all harnesses do alike: rounds, each with a seed of its own, so that a finding can be repeated alone."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

Check = Callable[[random.Random], None]
"""One round; raises AssertionError for a finding, or whatever is raised and should not be."""


def run(name: str, check: Check, seed: int, *, seconds: float = float("inf"), rounds: float = float("inf")) -> int:
    """Rounds until the time or their number is over; returns their number."""
    end = time.monotonic() + seconds
    done = 0
    while done < rounds and time.monotonic() < end:
        try:
            check(random.Random(seed + done))
        except Exception:
            print(f"fuzz: {name} finding with --seed {seed + done}", flush=True)
            raise
        done += 1
    return done


def mutate(rng: random.Random, data: bytes, pieces: Sequence[bytes], times: Sequence[int]) -> bytes:
    """Data with pieces put in, parts left out and bytes made others, so many times."""
    for _ in range(rng.choice(times)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(3):
            case 0:
                data = data[:at] + rng.choice(pieces) + data[at:]
            case 1:
                data = data[:at] + data[at + rng.choice((1, 1, 2, 8)) :]
            case _:
                data = data[:at] + rng.randbytes(rng.choice((1, 1, 4))) + data[at + 1 :]
    return data


def main(name: str, check: Check) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 48) if options.seed is None else options.seed
    done = run(name, check, seed, seconds=options.seconds)
    print(f"fuzz: {name} seed={seed} rounds={done} no findings")
    return 0
