"""Which questions are open in all runs, for the limits on how much a person and a channel are asked: some hundred bytes each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator_bridge.chat import Place


class OpenQuestionIndex:
    """Counts the open questions of every person (by id) and every channel."""

    def __init__(self) -> None:
        self._questions: dict[int, tuple[int, str, tuple[str, ...]]] = {}
        self._people: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()

    def add(self, question: int, run: int, place: Place, people: Sequence[str]) -> None:
        """A question is open, in this place and for these people."""
        self.discard(question)
        channel = _channel(place)
        self._questions[question] = run, channel, tuple(people)
        self._people.update(people)
        self._channels[channel] += 1

    def set_audience(self, question: int, people: Sequence[str]) -> None:
        """A question is for these people now."""
        if question in self._questions:
            run, channel, before = self._questions[question]
            self._people.subtract(before)
            self._people.update(people)
            self._questions[question] = run, channel, tuple(people)

    def discard(self, question: int) -> None:
        """A question has ended."""
        known = self._questions.pop(question, None)
        if known is not None:
            self._channels[known[1]] -= 1
            self._people.subtract(known[2])

    def contains(self, question: int) -> bool:
        """Whether a question is counted already: one that is just being made is not yet."""
        return question in self._questions

    def is_asked(self, question: int, person: str) -> bool:
        """Whether somebody is counted among those whom a question asks."""
        return question in self._questions and person in self._questions[question][2]

    def for_person(self, person: str) -> int:
        """How many open questions somebody has."""
        return self._people[person]

    def in_channel(self, place: Place) -> int:
        """How many open questions there are in a channel."""
        return self._channels[_channel(place)]


def _channel(place: Place) -> str:
    return f"{place.platform}/{place.channel}"
