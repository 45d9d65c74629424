"""One event of an event stream (HTML Standard section 9.2)."""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

__all__ = ["ServerSentEvent"]


class ServerSentEvent:
    """An event that a server has sent. It is immutable; two are equal where their four attributes are.

    Args:
        event: its type.
        data: its data, the lines joined by LF.
        id: the id of the last event that had one, up to this one; a stream can be resumed behind it.
        retry: milliseconds to wait before connecting anew, where the server has said so with this event.
        loads: reads JSON; None is the standard library.
    """

    __slots__ = ("_loads", "data", "event", "id", "retry")

    event: str
    data: str
    id: str
    retry: int | None
    _loads: Callable[..., Any] | None

    def __init__(
        self,
        event: str = "message",
        data: str = "",
        id: str = "",
        retry: int | None = None,
        *,
        loads: Callable[..., Any] | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "event", event)
        put(self, "data", data)
        put(self, "id", id)
        put(self, "retry", retry)
        put(self, "_loads", loads)

    def json(self, *, loads: Callable[..., Any] | None = None, **options: Any) -> Any:
        """The data as JSON.

        Args:
            loads: what reads it, given UTF-8, instead of the client's codec.
            **options: what else that takes; the standard library's are those of json.loads.

        Raises:
            JSONError: the data is not JSON.
        """
        from .codec import read_json

        data = self.data.encode("utf-8", "surrogatepass")
        return read_json(data, loads or self._loads, options, f"the data of an event {self.event!r}", None)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an event cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("an event cannot be changed")

    def _key(self) -> tuple[str, str, str, int | None]:
        return self.event, self.data, self.id, self.retry

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServerSentEvent) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return ServerSentEvent, self._key()  # a codec stays behind

    def __repr__(self) -> str:
        more = "" if self.retry is None else f", retry={self.retry!r}"
        return f"ServerSentEvent(event={self.event!r}, data={self.data!r}, id={self.id!r}{more})"
