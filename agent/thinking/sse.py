"""Server-sent events: bytes in any slicing -> the data of each event.

After https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, section 9.2.6: lines
end with CR LF, LF or CR (and nothing else: U+2028 inside JSON is text), one BOM at the start is skipped, a line that
begins with a colon is a comment, an empty line ends the event. Lines are decoded when complete, so that a character may
be cut anywhere. Unlike the specification, `flush` hands out an event whose empty line is missing, since some servers
close behind "data: [DONE]". Fields other than data do not matter here. Behind a line or an event of more than MAX_LINE
bytes nothing comes any more, and `broken` says why.
"""

from __future__ import annotations

import re

MAX_LINE = 65_536
LINE_END = re.compile(rb"\r\n|\n|\r")


class SseDecoder:
    """Incremental; holds at most MAX_LINE bytes of a line and as many of an event."""

    def __init__(self) -> None:
        self._buffer = b""
        self._after_cr = False  # a LF that comes now belongs to the CR before it
        self._first = True
        self._data: list[str] = []
        self._size = 0
        self.broken = ""

    def feed(self, data: bytes) -> list[str]:
        """The data of each event that is now complete."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        data = self._buffer + data
        self._after_cr = data.endswith(b"\r")
        *lines, self._buffer = LINE_END.split(data)
        events = [event for line in lines for event in self._line(line)]
        if len(self._buffer) > MAX_LINE:
            self._break("a line")
        return events

    def flush(self) -> list[str]:
        """The data of the event that was not ended properly, if there is one."""
        lines, self._buffer = (self._buffer, b""), b""
        return [event for line in lines for event in self._line(line)]

    def _line(self, line: bytes) -> list[str]:
        if len(line) > MAX_LINE:
            self._break("a line")
        if self.broken:
            return []
        text = line.decode("utf-8", "replace")
        if self._first:
            text = text.removeprefix("\ufeff")
            self._first = False
        if not text:
            return self._event()
        field, _, value = text.partition(":")
        if field == "data":
            self._add(value.removeprefix(" "), len(line))
        return []

    def _add(self, data: str, size: int) -> None:
        self._size += size
        self._data.append(data)
        if self._size > MAX_LINE:
            self._break("an event")

    def _event(self) -> list[str]:
        data, self._data, self._size = self._data, [], 0
        return ["\n".join(data)] if data else []

    def _break(self, what: str) -> None:
        self._buffer = b""
        self._data = []
        self.broken = self.broken or f"{what} of more than {MAX_LINE} bytes"
