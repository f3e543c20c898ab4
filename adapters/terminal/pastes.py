"""A long paste stands in the input line as a short mark, so that the line stays quick and readable; the entry gets the whole."""

from __future__ import annotations

MAX_CHARACTERS = 1000
"""Characters in the line above which a paste is put aside."""
MAX_LINES = 10
"""Lines in a paste above which it is."""


class PasteBuffer:
    """The long texts that were pasted, by their marks. They are kept while the program runs: the history brings lines back."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._newest: str | None = None

    def placeholder_for(self, text: str, before: str = "") -> str:
        """What to put into the line for a pasted text, after what stands `before` it: itself if it is short, else its mark."""
        if len(before) + len(text) <= MAX_CHARACTERS and text.count("\n") < MAX_LINES:
            return text
        mark = f"[paste {len(self._texts) + 1}: {len(text):,} characters]"
        self._texts[mark] = text
        self._newest = mark
        return mark

    def pop_last(self, before: str) -> tuple[str, str] | None:
        """The entry's newest mark and its text if the line ends with it, for a paste that comes in parts; forgotten here."""
        mark, self._newest = self._newest, None
        if mark is None or not before.endswith(mark):
            return None
        return mark, self._texts.pop(mark)

    def expand(self, line: str) -> str:
        """The finished entry: every mark replaced by its text, once, for a pasted text may contain what looks like a mark."""
        self._newest = None
        for mark, text in self._texts.items():
            before, found, after = line.partition(mark)
            if found:
                return self.expand(before) + text + self.expand(after)
        return line
