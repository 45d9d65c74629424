"""Event hooks: functions that see every request before it goes out, and every response.

They are a convenience: a flow that calls them, innermost of all, so they see each hop of a redirect and of a login. Of
a buffered call they see whole responses, as in Requests, and the very ones that the caller gets or finds in `history`.
Of a streamed call they see heads, as nobody may read the body but the caller.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping

from ..hints import TYPE_CHECKING, cast
from ..values.response import Response
from .flow import Call, Whole

if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

    from ..values.request import Request
    from .flow import Answer, Flow, Step

__all__ = ["EventHooks", "HookTypes", "checked_hooks", "hook_flow"]

KINDS: Final = ("request", "response")

Hook: TypeAlias = "Callable[[Any], object]"
EventHooks: TypeAlias = "dict[str, list[Hook]]"
HookTypes: TypeAlias = "Mapping[str, Iterable[Hook] | Hook]"


def checked_hooks(given: Any) -> EventHooks:
    """The hooks of a client by kind, each kind present.

    Args:
        given: a mapping of "request" and "response" to functions; one function may stand for a list of it.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"event_hooks are a mapping such as {{'response': [function]}}, not {type(given).__name__}")
    hooks: EventHooks = {kind: [] for kind in KINDS}
    for kind, functions in cast("Any", given).items():
        if kind not in hooks:
            raise TypeError(f"there are no event hooks {kind!r}: there are 'request' and 'response'; more has trace=")
        if callable(functions):
            functions = [functions]
        if not isinstance(functions, Iterable):
            raise TypeError(f"event_hooks: {kind!r} is a list of functions, not {functions!r}")
        for function in cast("Any", functions):
            if not callable(function):
                raise TypeError(f"event_hooks: {kind!r} has {function!r}, which cannot be called")
            hooks[kind].append(function)
    return hooks


def hook_flow(hooks: EventHooks) -> Callable[[Request], Flow]:
    """The policy that calls hooks; those that are put into the lists later, too."""

    def flow(request: Request) -> Flow:
        for hook in list(hooks["request"]):
            yield from _called(hook, request)
        head: Answer = yield request
        if not hooks["response"]:
            return head
        shown: Answer | Response = yield Whole(head)
        answer: Answer | Response = head
        for hook in list(hooks["response"]):
            given = yield from _called(hook, shown)
            if isinstance(given, Response) and given is not shown:
                answer = shown = given
        return answer

    return flow


def _called(hook: Hook, subject: object) -> Generator[Step, Any, object]:
    """Call a hook where the caller is; what it gives is awaited if it can be, and a part of the flow if it is one."""
    result = hook(subject)
    if isinstance(result, Generator):
        return (yield from cast("Generator[Step, Any, object]", result))
    if isinstance(result, Awaitable):
        return (yield Call(_awaited, cast("Awaitable[object]", result)))
    return result


async def _awaited(result: Awaitable[object]) -> object:
    return await result
