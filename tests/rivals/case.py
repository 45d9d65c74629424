"""What a case is, and the verdicts that it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from scene import Scene, Script, Seen

Step = Mapping[str, Any]
Judge = Callable[[Seen], str]

KINDS: Final = {
    "loss": "Data that is lost",
    "leak": "Secrets that go where they should not",
    "change": "What the caller said is changed",
    "trust": "What is broken is taken for whole",
    "refusal": "What works is refused, or never ends",
}

RIGHT: Final = "right"
WRONG: Final = "wrong"
ERROR: Final = "error"
NOT_ASKED: Final = "not asked"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that HTTP clients get wrong without saying so.

    Attributes:
        id: its name.
        kind: one of `KINDS`.
        row: the row of docs/inside/differences.md that it belongs to, "" for none.
        does: what is done.
        right: what is right.
        steps: the requests, one after the other on one client; see `drivers/common.py`.
        judge: gives what went wrong in a few words, "" where nothing did.
        servers: the scripts of the servers by name; most cases have one called home.
        client: options of the client; see `drivers/common.py`.
        env: environment variables that the client is started with.
        tls: servers that encrypt: good, or stranger for a certificate that nobody trusts.
        accepts: a content coding; clients that do not ask for it are not asked.
        error_is_right: whether an error is what the caller should get.
    """

    id: str
    kind: str
    does: str
    right: str
    steps: Sequence[Step]
    judge: Judge
    servers: Mapping[str, Script]
    client: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    tls: Mapping[str, str] = field(default_factory=dict)
    accepts: str = ""
    row: str = ""
    error_is_right: bool = False

    def scene(self, authority: Any, files: Mapping[str, str]) -> Scene:
        """Start the servers.

        Args:
            authority: has a TLS context for each virtue that `tls` names.
            files: paths by the names that texts have for them.
        """
        return Scene(self.servers, {name: getattr(authority, virtue) for name, virtue in self.tls.items()}, files)

    def job(self, scene: Scene) -> dict[str, Any]:
        """What a driver has to do: the steps and the options, with the URLs of the servers in them."""
        options = {"environment": True} if self.env else {}
        return scene.filled({"client": {**options, **self.client}, "steps": self.steps})

    def verdict(self, seen: Seen) -> tuple[str, str]:
        """What is to be said of a client: a verdict and its reason."""
        skipped = next((answer["unsupported"] for answer in seen.answers if "unsupported" in answer), None)
        if skipped is not None:
            return NOT_ASKED, skipped
        if self.accepts and self.accepts not in (seen.last().get("accept-encoding") or ""):
            return NOT_ASKED, f"does not accept {self.accepts}"
        error = seen.error
        if error is not None and not self.error_is_right:
            return ERROR, f"{error['error']}: {error['text']}".rstrip(": ")
        wrong = self.judge(seen)
        return (WRONG, wrong) if wrong else (RIGHT, "")


def judged(judge: Callable[[Seen], str]) -> Judge:
    """A judge of a case that an error is right in: it is asked where there was none."""

    def refused_or_judged(seen: Seen) -> str:
        error = seen.error
        if error is None:
            return judge(seen)
        return "hangs until its timeout" if error["timeout"] else ""

    return refused_or_judged
