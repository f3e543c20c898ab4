"""Server-sent events: the bytes of a stream as the JSON values of its events.

The format is described at html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream". Providers
repeat the names of events in their data, except for that of an error; a lone carriage return does not end a line here. Some
servers leave out the empty line between two events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

END = "[DONE]"
"""Data of the last event in OpenAI's chat completions, which is no JSON."""

_FIRST_DATA = re.compile(rb"^data:", re.MULTILINE)
_FIRST_OF_DOCUMENT = (b"{", b"[", b"<")


class EventDecoder:
    """Decodes a stream, wherever it is cut into pieces. `ended` is True once its last event has arrived.

    An event whose data is no JSON is left out: gateways write words of their own into streams.
    """

    def __init__(self) -> None:
        self.ended = False
        self._rest = b""
        self._name = b""
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
            if self._data and _is_json("\n".join(self._data)):
                yield from self._end_event()
            self._data.append(value.removeprefix(b" ").decode(errors="replace"))
        elif name == b"event":
            self._name = value.strip()
        elif not line and self._data:
            yield from self._end_event()

    def _end_event(self) -> Iterator[object]:
        data, self._data = "\n".join(self._data), []
        name, self._name = self._name, b""
        if data.strip() == END:
            self.ended = True
            return
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            self._unreadable = self._unreadable or error
        else:
            self._read_any = True
            yield {"error": value} if name == b"error" and not (isinstance(value, dict) and "error" in value) else value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text.strip() == END
    return True


def looks_like_events(body: bytes) -> bool:
    """True if a body is a stream of events whatever its media type: some gateways send streams as `text/plain`."""
    return _FIRST_DATA.search(body) is not None and not body.lstrip().startswith(_FIRST_OF_DOCUMENT)
