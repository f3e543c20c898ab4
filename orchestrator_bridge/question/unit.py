"""What a number counts: units of one family are converted into the one that was asked for, another family's are not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator_bridge.question.words import fold_text, lexicon


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """The unit that was asked for and its family: word to size. Without a family, or a unit, a number is taken as it stands."""

    name: str = ""
    family: Mapping[str, float] = field(default_factory=dict)

    def knows(self, word: str) -> bool:
        """Whether a word is of the unit's family."""
        return word in self.family

    def accepts(self, word: str) -> bool:
        """Whether a number of this is a number of the unit: of its family, or called just so (`servers`)."""
        return self.knows(word) or word == fold_text(self.name)

    def size(self, word: str) -> float:
        """How many of the family's smallest unit a word of it means."""
        return self.family[word]

    def is_foreign(self, word: str) -> bool:
        """Whether a word names something else that is counted: `GB` where hours were asked for."""
        if not self.name or self.knows(word) or word == fold_text(self.name):
            return False
        return any(word in family for family in lexicon().units.values())

    def convert(self, value: float, word: str) -> float:
        """A number with a word behind it in the unit that was asked for, without the noise of binary fractions."""
        if not self.knows(word):
            return value
        return float(f"{value * self.family[word] / self.family[fold_text(self.name)]:.12g}")


def find_units(unit: str) -> Units:
    """The unit with its family; a unit that nobody knows (`servers`) has none."""
    word = fold_text(unit)
    family = next((family for family in lexicon().units.values() if word in family), {})
    return Units(name=unit, family=family)
