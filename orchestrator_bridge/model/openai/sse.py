"""Server-sent events: the bytes of a stream as the JSON values of its events.

The format is described at html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream". Only the data
of events is read, since providers repeat their names in it; a lone carriage return does not end a line here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

END = "[DONE]"
"""Data of the last event in OpenAI's chat completions, which is no JSON."""

_FIRST_WORDS = (b"data:", b"event:", b"id:", b"retry:", b":")


class EventDecoder:
    """Decodes a stream, wherever it is cut into pieces. `ended` is True once its last event has arrived.

    An event whose data is no JSON is left out: gateways write words of their own into streams.
    """

    def __init__(self) -> None:
        self.ended = False
        self._rest = b""
        self._data: list[str] = []
        self._read_any = False
        self._unreadable: ValueError | RecursionError | None = None

    def feed(self, piece: bytes) -> Iterator[object]:
        """Add a piece and yield the values of the events that it completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            yield from self._read_line(line.removesuffix(b"\r"))

    def close(self) -> Iterator[object]:
        """Yield the value of an event that the end of the stream completes.

        Raises:
            ValueError, RecursionError: the stream had events, and none of them was JSON.
        """
        yield from self.feed(b"\n\n")
        if self._unreadable and not self._read_any:
            raise self._unreadable

    def _read_line(self, line: bytes) -> Iterator[object]:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" ").decode(errors="replace"))
        elif not line and self._data:
            data, self._data = "\n".join(self._data), []
            yield from self._parse(data)

    def _parse(self, data: str) -> Iterator[object]:
        if data.strip() == END:
            self.ended = True
            return
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            self._unreadable = self._unreadable or error
        else:
            self._read_any = True
            yield value


def looks_like_events(body: bytes) -> bool:
    """True if a body begins as a stream of events: some gateways send streams as `text/plain`."""
    return body.lstrip().startswith(_FIRST_WORDS)
