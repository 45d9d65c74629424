"""Every case against every client, in one run; writes `docs/rivals.md`.

    python tests/rivals/run.py --rivals .bench/rivals/bin/python --niquests .bench/niquests/bin/python --save

Each client runs in a process of the environment where it is installed, courser in this one's, and is asked case by
case. Servers and judges are in this process.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "support"))

import page  # noqa: E402 - what it imports lies in the folder above
from case import ERROR, RIGHT, Case  # noqa: E402
from cases.every import CASES  # noqa: E402
from scene import Seen  # noqa: E402

CLIENTS = ("courser", "requests", "httpx", "httpx2", "aiohttp", "niquests", "wreq", "pyreqwest", "urllib3", "pycurl")
KEPT_VARIABLES = ("LANG", "LC_ALL", "PATH", "TMPDIR", "LD_LIBRARY_PATH")
PATIENCE = 12.0
"""Seconds for one case, so that a client that hangs is told so."""


class Worker:
    """A process with one client.

    Args:
        client: its name.
        python: the interpreter of its environment.
        env: variables beside the usual ones.
    """

    def __init__(self, client: str, python: str, env: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()  # a home without a netrc file
        usual = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        usual |= {"HOME": self._folder.name, "NETRC": os.devnull, "PYTHONPATH": str(ROOT / "src")}
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), client],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=usual | dict(env),
            text=True,
        )

    def do(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """Do one case; None where the client hangs, or has ended."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        except OSError:
            return None
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        line = process.stdout.readline() if ready else ""
        return json.loads(line) if line else None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bench:
    """Runs the cases of one client, in as few processes as can be.

    Args:
        client: its name.
        python: the interpreter of its environment.
        authority: see `Case.scene`.
        files: see `Case.scene`.
    """

    def __init__(self, client: str, python: str, authority: Any, files: Mapping[str, str]) -> None:
        self._new = lambda env: Worker(client, python, env)
        self._authority = authority
        self._files = files
        self._worker: Worker | None = None

    def verdict(self, case: Case) -> tuple[str, str]:
        """The verdict of one case."""
        scene = case.scene(self._authority, self._files)
        try:
            job = case.job(scene)
            # What is in the environment some read once in their lives.
            with self._new(scene.filled(case.env)) if case.env else self._own() as worker:
                done = worker.do(job)
        finally:
            scene.close()
        if done is None:
            self.close()
            return ERROR, f"hangs for {PATIENCE:.0f} seconds, or ends"
        return case.verdict(Seen(scene, done["answers"], done["log"]))

    def _own(self) -> Any:
        if self._worker is None:
            self._worker = self._new({})
        return _Kept(self._worker)

    def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class _Kept:
    """A worker that lives on."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def __enter__(self) -> Worker:
        return self._worker

    def __exit__(self, *error: object) -> None:
        pass


def version(python: str, client: str) -> str:
    """The version of a client as its environment has it."""
    if client == "courser":
        return "as it is here"
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    done = subprocess.run([python, "-c", code, client], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_files(folder: Path) -> tuple[Any, dict[str, str]]:
    """Certificates, and the files that cases speak of."""
    from authority import Authority

    authority = Authority(folder)
    netrc = folder / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    netrc.chmod(0o600)
    return authority, {"roots": authority.roots, "netrc": str(netrc)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals", help="the interpreter beside which most clients are installed")
    parser.add_argument("--niquests", help="the interpreter of niquests, which bears no urllib3 beside it")
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--save", action="store_true", help="write the results and the page")
    options = parser.parse_args()
    found: page.Results = {}
    with tempfile.TemporaryDirectory() as folder:
        authority, files = make_files(Path(folder))
        for client in options.clients.split(","):
            python = interpreter(client, options)
            if python is None:
                continue
            bench = Bench(client, python, authority, files)
            verdicts = {name: bench.verdict(CASES[name]) for name in options.cases.split(",")}
            bench.close()
            found[client] = {"version": version(python, client), "verdicts": verdicts}
            page.show(client, verdicts)
    if options.save:
        page.save(found)
    own = found["courser"]["verdicts"] if "courser" in found else {}
    wrong = [name for name, (verdict, _) in own.items() if verdict != RIGHT]
    sys.exit(f"courser is not right: {', '.join(wrong)}" if wrong else 0)


def interpreter(client: str, options: argparse.Namespace) -> str | None:
    """The interpreter that has a client."""
    return {"courser": sys.executable, "niquests": options.niquests}.get(client, options.rivals)


if __name__ == "__main__":
    main()
