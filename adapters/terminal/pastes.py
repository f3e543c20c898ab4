"""A long paste stands in the input line as a short mark, so that the line stays quick and readable; the entry gets the whole."""

from __future__ import annotations

LONG = 1000
"""Characters above which a paste is put aside."""
MANY = 10
"""Lines above which it is."""


class Pastes:
    """The long texts that were pasted into the entry that is being written."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def stand_in(self, text: str) -> str:
        """What to put into the line for a pasted text: itself if it is short, else its mark."""
        if len(text) <= LONG and text.count("\n") < MANY:
            return text
        mark = f"[paste {len(self._texts) + 1}: {len(text):,} characters]"
        self._texts[mark] = text
        return mark

    def whole(self, line: str) -> str:
        """The entry with every mark replaced by its text. Marks are found once: a pasted text may contain what looks like one."""
        for mark, text in self._texts.items():
            before, found, after = line.partition(mark)
            if found:
                return self.whole(before) + text + self.whole(after)
        return line
