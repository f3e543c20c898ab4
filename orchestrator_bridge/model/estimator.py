"""What a call will take before it is made: the tokens of its prompt, by our count and by what earlier responses taught."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_bridge.model.errors import ContextTooLong
from orchestrator_bridge.model.interface import PromptCount, Request, Usage
from orchestrator_bridge.model.reasoning import state_owner
from orchestrator_bridge.model.tokens import ESTIMATE, TokenCounter

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


# How far our own counts of prompts are from what providers report: a ratio for each model, learned from its responses.
#
# An estimate by size is wrong in another way for each tokenizer and each kind of text, and even an exact count does not know
# what a
# provider puts around a prompt. So what was reported, divided by what was counted, corrects the next count.


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


DEFAULT_OUTPUT = 4096
"""Tokens of output to expect of a request that does not limit its own: more than most answers take."""

MARGIN = 0.95
"""The part of a window that is filled where tokens are estimated."""

REJECT_FACTOR = 1.25
"""By how much an estimate must be above a window before a call is not even tried: estimates err, and the provider knows."""

TOO_LONG_FACTOR = 1.3
"""By how much a prompt counts as above the window once its provider found it too long: more than `REJECT_FACTOR`, so that the
same prompt is not sent again."""

Key = tuple[str, str]
"""A model at its provider, and how its prompts are counted."""


class Estimator:
    """Counts, corrects and learns. `known`: what was learned in earlier processes."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._ratios: dict[Key, Ratio] = {}

    def load_calibrations(self, known: Mapping[Key, Ratio]) -> None:
        """Take over what was learned in earlier processes."""
        self._ratios.update(known)

    def count_prompt(self, request: Request, route: Route) -> PromptCount:
        """Our own count, before it is corrected."""
        count = self._counter.count(request, route)
        return PromptCount(model=state_owner(route), by=count.by, tokens=count.tokens)

    def estimate_prompt(self, request: Request, route: Route) -> int:
        """The tokens of the prompt, as good as we know. An estimate, unless nothing is corrected at an exact count."""
        return self._corrected(self.count_prompt(request, route))

    def excess_tokens(self, request: Request, route: Route) -> int:
        """By how many tokens the prompt is longer than the route takes; 0 if it fits, or nobody knows."""
        return (
            0
            if route.context is None
            else max(0, self.estimate_prompt(request, route) - self._prompt_budget(request, route, route.context))
        )

    def check(self, request: Request, route: Route) -> None:
        """Look whether the prompt can fit at all.

        Raises:
            ContextTooLong: it cannot.
        """
        counted = self.count_prompt(request, route)
        tokens = self._corrected(counted)
        if route.context is not None and tokens > route.context * (REJECT_FACTOR if counted.by == ESTIMATE else 1):
            about = "about " if counted.by == ESTIMATE else ""
            raise ContextTooLong(
                f"the prompt has {about}{tokens:,} tokens, and {route.name} takes {route.context:,}",
                "Give a shorter task, or choose a model with a larger context window.",
            )

    def learn(self, counted: PromptCount, usage: Usage) -> None:
        """What a response reports corrects the next count."""
        if not usage.estimated:
            key = (counted.model, counted.by)
            self._ratios[key] = self._ratios.get(key, Ratio()).updated(counted.tokens, usage.input)

    def record_too_long(self, counted: PromptCount, route: Route) -> bool:
        """A provider's "too long" shows that this prompt is more than its window, whatever we thought.

        Returns whether a shorter one may do: where our count would have to be wrong beyond reason, it is not the window that it
        meant.
        """
        if route.context is None or counted.tokens * MOST < route.context * TOO_LONG_FACTOR:
            return False
        floor = max(route.context * TOO_LONG_FACTOR, self._corrected(counted))
        self._ratios[counted.model, counted.by] = Ratio(counted=counted.tokens, reported=floor, calls=1)
        return True

    def _corrected(self, counted: PromptCount) -> int:
        return math.ceil(counted.tokens * self._ratios.get((counted.model, counted.by), Ratio()).value)

    def _prompt_budget(self, request: Request, route: Route, context: int) -> int:
        """What is left for the prompt beside the answer; an answer never takes more than half of a small window."""
        answer = min(request.max_output or DEFAULT_OUTPUT, context // 2)
        exact = self.count_prompt(request, route).by != ESTIMATE
        return int((context - answer) * (1 if exact else MARGIN))
