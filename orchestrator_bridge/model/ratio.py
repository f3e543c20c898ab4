"""How far our own counts of prompts are from what providers report: a ratio for each model, learned from its responses.

An estimate by size is wrong in another way for each tokenizer and each kind of text, and even an exact count does not know what a
provider puts around a prompt. So what was reported, divided by what was counted, corrects the next count.
"""

from __future__ import annotations

from dataclasses import dataclass

DECAY = 0.9
"""How much of what earlier calls taught is left after one more: about the last ten calls count."""

LEAST, MOST = 0.25, 4.0
"""A ratio outside of these is no measure of a tokenizer, but of something else that went wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """Tokens as we counted them and as they were reported, both fading, and from how many calls."""

    counted: float = 0.0
    reported: float = 0.0
    calls: int = 0

    @property
    def value(self) -> float:
        """By what a count is multiplied; 1 while nothing is known."""
        return min(MOST, max(LEAST, self.reported / self.counted)) if self.counted > 0 else 1.0

    def updated(self, counted: int, reported: int) -> Ratio:
        """What is known after one more call."""
        if counted <= 0 or reported <= 0:
            return self
        return Ratio(counted=self.counted * DECAY + counted, reported=self.reported * DECAY + reported, calls=self.calls + 1)
