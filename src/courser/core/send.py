"""Sending a request through its policies.

Each policy is a generator (see policies/flow.py). The runner gives it what it yields for, and knows the only thing
that a generator cannot: how to wait. Policies are layers; a request that one yields goes to the next one below, and
from the last to the transport.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from time import monotonic

from ..errors import HTTPError
from ..hints import TYPE_CHECKING, Protocol, cast
from ..policies.flow import Answer, Call, Flow, Middleware, Note, Pause, Read, Send, Stored, Wait, Whole
from ..values.request import Request
from ..values.response import Response
from .reply import Reply, StaticReply
from .waiter import Host, Interrupted, Waiter

if TYPE_CHECKING:
    from typing import Any

    from ..policies.cookies import CallCookies
    from ..policies.keeper import CookieKeeper
    from .calltls import CallTLS
    from .deadline import Deadline
    from .proxies import Rules

__all__ = ["Exchanger", "Sending", "Showing"]

PAUSED_AT_MOST = 30 * 24 * 3600.0


class Exchanger(Protocol):
    """What is below the policies."""

    async def __call__(self, request: Request, sending: Sending, /) -> Reply: ...


class Showing(Protocol):
    """Makes the responses that hooks are shown."""

    async def whole(self, reply: Reply, sending: Sending, /) -> Response:
        """The response of a reply, body included; the body can be read again afterwards."""
        ...

    def of(self, reply: Reply, raw: bytes | None = None, /) -> Response | None:
        """The response of a reply, if it was shown and its body is what it was."""
        ...


class Sending:
    """One call of a user's: what stays the same over all its hops.

    Args:
        host: who waits.
        deadline: the limits.
        layers: the policies, the outermost first.
        exchange: what is below them.
        limit: bytes of body, as they travel, above which an exchange fails.
        goal: what an exchange waits for before the policies see it (core/exchange.py).
        tls: what this call says of TLS, None where the client's word holds for all of it.
        keeper: the client's cookies.
        cookies: the cookies of this call; None until there are any.
        rules: what this call says of proxies, None for nothing.

    Attributes:
        endless: whether the body has no end, so that the client's limits of size do not hold for it.
        shown: the whole responses that hooks are shown; None where there are no hooks, or the call is streamed.
    """

    __slots__ = (
        "cookies",
        "deadline",
        "endless",
        "exchange",
        "goal",
        "host",
        "keeper",
        "layers",
        "limit",
        "rules",
        "shown",
        "tls",
    )

    def __init__(
        self,
        host: Host,
        deadline: Deadline,
        layers: tuple[Middleware, ...],
        exchange: Callable[[Request, Sending], Awaitable[Reply]],
        limit: int | None,
        goal: int,
        tls: CallTLS | None = None,
        keeper: CookieKeeper | None = None,
        cookies: CallCookies | None = None,
        rules: Rules | None = None,
    ) -> None:
        self.host = host
        self.deadline = deadline
        self.layers = layers
        self.exchange = exchange
        self.limit = limit
        self.goal = goal
        self.tls = tls
        self.keeper = keeper
        self.cookies = cookies
        self.rules = rules
        self.endless = False
        self.shown: Showing | None = None

    def keep(self, request: Request, fields: bytes) -> None:
        """Take the cookies that a response sets.

        Args:
            request: what was answered.
            fields: the header lines of the response.
        """
        if self.cookies is None and self.keeper is not None:
            self.cookies = self.keeper.begin()
        if self.cookies is not None:
            self.cookies.keep(request, fields)

    async def run(self, request: Request, answer: Reply | None = None, depth: int = 0) -> Reply:
        """Send a request through the layers from a depth on.

        Args:
            request: the request.
            answer: the reply to it, where it was sent already because no layer changes it or waits before it.
            depth: the first layer that it goes through.
        """
        if depth == len(self.layers):
            return await self.exchange(request, self)
        flow = _begun(self.layers[depth], request)
        below = depth + 1
        held = answer
        value: Any = None
        try:
            step = next(flow)
            if answer is not None:
                step = flow.send(answer)
            while True:
                try:
                    if isinstance(step, Request):
                        if held is not None:
                            await held.discard(self.host)
                        if below == len(self.layers):
                            value = held = await self.exchange(step, self)
                        else:
                            value = held = await self.run(step, depth=below)
                    else:
                        value = await self._serve(step, depth)
                except Exception as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(value)
        except StopIteration as stop:
            reply = stop.value
            if held is not None and held is not reply:
                held.abort()
            if isinstance(reply, Reply):
                return reply
            if isinstance(reply, Response | Stored):
                return StaticReply.of(reply, request)
            raise _misreturned(flow, reply) from None
        except BaseException:
            if held is not None:
                held.abort()
            raise
        finally:
            flow.close()

    async def _serve(self, step: object, depth: int) -> Any:
        if isinstance(step, Send):
            return await self.run(step.request, depth=depth + 1)
        if isinstance(step, Read):
            return await self._read(step)
        if isinstance(step, Call):
            return await self._call(step)
        if isinstance(step, Wait):
            return await self._wait(step)
        if isinstance(step, Pause):
            return await self._pause(step)
        if isinstance(step, Whole):
            reply = _reply(step.response)
            return reply if self.shown is None else await self.shown.whole(reply, self)
        if isinstance(step, Note):
            trace = self.deadline.trace
            return None if trace is None else await trace.tell(step.name, **step.facts)
        raise TypeError(
            f"a flow yielded {step!r}: it may yield a Request, Send, Read, Pause, Wait or Call (courser.flow)"
        )

    async def _read(self, step: Read) -> bytes:
        reply = _reply(step.response)
        raw = await reply.peek(self.host, step.limit)
        coding = reply.final.coding
        if coding is None:
            return raw
        from ..engines.coding import decode_all

        return decode_all(coding, raw, step.limit)

    async def _call(self, step: Call) -> Any:
        from .calls import make_call

        try:
            return await make_call(step, self.host, self.deadline.final)
        except Interrupted:
            raise self._late() from None

    async def _wait(self, step: Wait) -> None:
        host = self.host
        waiter = self.deadline.waiter(host)
        happened: list[bool] = []

        def wake() -> None:
            happened.append(True)
            host.deliver(waiter)

        step.event.notify(wake)
        try:
            if not waiter.done:
                await host.wait(waiter)
        finally:
            if not happened:
                step.event.forget(wake)
        if not happened:
            raise self._late()

    async def _pause(self, step: Pause) -> None:
        now = monotonic()
        due = now + min(max(step.seconds, 0.0), PAUSED_AT_MOST)
        waiter = Waiter()
        waiter.deadline = min(due, self.deadline.final)
        self.host.arm(waiter)
        await self.host.wait(waiter)
        if due > self.deadline.final:
            raise self._late()

    def _late(self) -> HTTPError:
        return self.deadline.error("read", "a policy")


def _begun(layer: Callable[[Request], Any], request: Request) -> Flow:
    flow = layer(request)
    if isinstance(flow, Generator):
        return cast("Flow", flow)
    close = getattr(flow, "close", None)
    if close is not None:
        close()  # a coroutine that nobody will await
    name = getattr(layer, "__qualname__", repr(layer))
    raise TypeError(
        f"the middleware {name} is no generator function, it gave a {type(flow).__name__}: "
        "def flow(request): response = yield request; return response"
    )


def _misreturned(flow: Flow, value: object) -> TypeError:
    name = getattr(flow, "__qualname__", "a flow")
    return TypeError(
        f"{name} returned {value!r}: a flow returns the response that a `yield request` gave it, or one of its own"
    )


def _reply(answer: Answer) -> Reply:
    if isinstance(answer, Reply):
        return answer
    raise TypeError(f"a flow yielded Read({answer!r}): it reads a response that a `yield request` gave it")
