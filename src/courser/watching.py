"""Who follows the requests of a client: a trace function, event hooks, the log.

Where nobody does, a call looks at a few attributes and goes its way. The logger is the only one that may begin to
listen at any time without telling us. It is found once logging has been imported, and then two levels, which are plain
attributes, say whether it is worth asking.
"""

from __future__ import annotations

from sys import modules

from .hints import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import logging
    from collections import deque
    from collections.abc import Callable, Container
    from typing import Any, Final

    from .core.send import Sending
    from .core.trace import Listener
    from .policies.flow import Middleware
    from .policies.hooks import EventHooks
    from .responding import Responses
    from .values.request import Request

__all__ = ["DEBUG", "Watchers"]

DEBUG: Final = 10
"""logging.DEBUG, known without importing logging."""

CLOSED_MOST: Final = 1000
"""Closed connections of which nobody has been told yet; beyond, the oldest are forgotten."""


class Watchers:
    """Who follows the requests of one client.

    Args:
        trace: a function of events, None for none.
        hooks: the option `event_hooks`, None for none.
        secrets: names of header fields, in lower case, whose values are not logged.

    Attributes:
        wanted: whether every call is followed.
        logger: the logger, None as long as nobody has imported logging.
        root: its parent, whose level holds where it has none of its own.

    Raises:
        TypeError: what was given cannot be called.
    """

    __slots__ = ("_closed", "_flow", "_hooks", "_log", "_secrets", "_trace", "logger", "root", "wanted")

    def __init__(self, trace: Listener | None, hooks: Any, secrets: Container[str]) -> None:
        self._trace = trace
        self._secrets = secrets
        self._closed: deque[tuple[int, float]] | None = None
        self._hooks: EventHooks | None = None
        self._flow: Middleware | None = None
        self._log: Listener | None = None
        self.wanted = trace is not None
        self.logger: logging.Logger | None = None
        self.root: Any = None
        if hooks is not None:
            self.hooks = hooks
        self.look()

    @property
    def hooks(self) -> EventHooks:
        """The event hooks, to be changed at will."""
        if self._hooks is None:
            self.hooks = {}
        return cast("EventHooks", self._hooks)

    @hooks.setter
    def hooks(self, hooks: Any) -> None:
        from .policies.hooks import checked_hooks, hook_flow

        self._hooks = checked_hooks(hooks)
        self._flow = hook_flow(self._hooks)
        self.wanted = True

    def look(self) -> None:
        """Find the logger, if logging has been imported by now."""
        if self.logger is None and "logging" in modules:
            logger: logging.Logger = cast("Any", modules["logging"]).getLogger("courser")
            self.logger, self.root = logger, logger.parent

    def follow(self, request: Request, sending: Sending, responses: Responses | None) -> None:
        """Have a call followed by whoever wants to.

        Args:
            request: its first one, which may bring a trace function of its own.
            sending: the call, all of whose other policies are there.
            responses: makes the responses that hooks see; None where they see heads, as the call is streamed.
        """
        if self._flow is not None:
            sending.layers = (*sending.layers, self._flow)
            if responses is not None:
                from .responding import Shown

                sending.shown = Shown(responses)
        own: Any = request.extensions.get("trace")
        if own is not None and not callable(own):
            raise TypeError(f'extensions: "trace" is a function of a courser.TraceEvent, not {own!r}')
        always = self._listeners()
        if always or own is not None:
            from .core.trace import Trace

            closed = self._noting(bool(always))
            sending.deadline.trace = Trace(sending.host, sending.deadline, always, own, closed, self._secrets)

    def flush(self) -> None:
        """Tell of connections that were closed, at the end of a client."""
        if self._closed:
            from .core.trace import endings, tell_now

            tell_now(self._listeners(), endings(self._closed))

    def _listeners(self) -> tuple[Listener, ...]:
        """Those who follow every call."""
        logger = self.logger
        listeners: list[Callable[..., object]] = [] if self._trace is None else [self._trace]
        if logger is not None and logger.isEnabledFor(DEBUG):
            if self._log is None:
                from .tracing.log import Log

                self._log = Log(logger, self._secrets)
            listeners.append(self._log)
        return tuple(listeners)

    def _noting(self, always: bool) -> deque[tuple[int, float]] | None:
        """Where connections note their end; None where that is of interest to one call only."""
        if always and self._closed is None:
            from collections import deque

            self._closed = deque(maxlen=CLOSED_MOST)
        return self._closed if always else None
