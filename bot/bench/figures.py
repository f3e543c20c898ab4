"""What a benchmark finds: times, their middle and their tail, and a figure beside its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Unit = Literal["ms", "s", "%", "KB", "MB"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure, in `unit`. `bare` is the least that the same work costs without Townhall, where that can be said.

    `of_bare`: the target is a multiple of `bare`; otherwise it is in `unit`.
    """

    row: str
    name: str
    ours: float
    target: float
    unit: Unit
    bare: float | None = None
    of_bare: bool = False
    samples: int
    note: str = ""

    @property
    def times(self) -> float | None:
        """How many times the bare floor."""
        return self.ours / self.bare if self.bare else None

    @property
    def judged_value(self) -> float:
        """What the target is for."""
        return self.times if self.of_bare and self.times is not None else self.ours

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.judged_value <= self.target


def median_of(values: Sequence[float]) -> float:
    """The median."""
    return median(values)


def percentile(values: Sequence[float], share: float = 0.99) -> float:
    """The value below which this share lies; the largest where there are too few to tell."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def to_ms(seconds: float) -> float:
    """Seconds in milliseconds."""
    return seconds * 1000
