"""Estimates of a prompt's tokens before its call, corrected by the usage that earlier responses reported.

An estimate by text size is off in a different way for each tokenizer and each kind of text, and even an exact count does not
know what a provider adds around a prompt. Reported tokens divided by counted tokens give a ratio per model, which corrects the
next counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_bridge.model.errors import ContextTooLong
from orchestrator_bridge.model.interface import PromptCount, Request, Usage
from orchestrator_bridge.model.reasoning import state_owner
from orchestrator_bridge.model.tokens import TokenCounter

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


DECAY = 0.9
"""Weight of the earlier calls after one more: about the last ten calls count."""

LEAST, MOST = 0.25, 4.0
"""Bounds of a ratio. A value outside of them does not measure a tokenizer but an error elsewhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """Exponentially weighted sums of counted and reported tokens, and the number of calls behind them."""

    counted: float = 0.0
    reported: float = 0.0
    calls: int = 0

    @property
    def value(self) -> float:
        """Factor that corrects a count; 1 while nothing is known."""
        return min(MOST, max(LEAST, self.reported / self.counted)) if self.counted > 0 else 1.0

    def updated(self, counted: int, reported: int) -> Ratio:
        """Ratio after one more call."""
        # Some servers report zero; that says nothing about the tokenizer.
        if counted <= 0 or reported <= 0:
            return self
        return Ratio(counted=self.counted * DECAY + counted, reported=self.reported * DECAY + reported, calls=self.calls + 1)


DEFAULT_OUTPUT = 4096
"""Output tokens expected of a request without a limit of its own: more than most answers have."""

MARGIN = 0.95
"""Share of a context window that is filled if tokens are estimated."""

REJECT_FACTOR = 1.25
"""Factor by which an estimate must exceed a window before the call is refused here: the provider's own count decides below it."""

TOO_LONG_FACTOR = 1.3
"""Factor by which a prompt is taken to exceed the window after its provider found it too long. It is larger than
`REJECT_FACTOR`, so that the same prompt is not sent again."""

Key = tuple[str, str]
"""A model at its provider (`provider/id`), and the method that counts its prompts: a tokenizer and the script of the prompt."""


class Estimator:
    """Counts prompts, corrects the counts, and learns the correction from responses."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._ratios: dict[Key, Ratio] = {}
        self._windows: dict[tuple[str, str], int] = {}

    def load_calibrations(self, known: Mapping[Key, Ratio]) -> None:
        """Load ratios that earlier processes learned."""
        self._ratios.update(known)

    def count_prompt(self, request: Request, route: Route) -> PromptCount:
        """Count a prompt, without the correction."""
        count = self._counter.count(request, route)
        return PromptCount(model=state_owner(route), by=count.by, tokens=count.tokens)

    def _is_exact(self, request: Request, route: Route) -> bool:
        return self._counter.count(request, route).exact

    def estimate_prompt(self, request: Request, route: Route) -> int:
        """Count a prompt, with the correction."""
        return self._corrected(self.count_prompt(request, route))

    def excess_tokens(self, request: Request, route: Route) -> int:
        """Tokens by which the prompt exceeds its part of the window; 0 if it fits or the window is unknown.

        The answer needs room too, but never takes more than half of a small window.
        """
        window = self._window(route)
        if window is None:
            return 0
        answer = min(request.max_output or DEFAULT_OUTPUT, window // 2)
        counted = self.count_prompt(request, route)
        margin = 1 if self._is_exact(request, route) else MARGIN
        return max(0, self._corrected(counted) - int((window - answer) * margin))

    def check(self, request: Request, route: Route) -> None:
        """Refuse a prompt that cannot fit the window.

        Raises:
            ContextTooLong: it is longer than the window, by more than an estimate may be wrong.
        """
        counted = self.count_prompt(request, route)
        tokens, window, exact = self._corrected(counted), self._window(route), self._is_exact(request, route)
        if window is not None and tokens > window * (1 if exact else REJECT_FACTOR):
            about = "" if exact else "about "
            raise ContextTooLong(
                f"the prompt has {about}{tokens:,} tokens, and {route.name} takes {window:,}",
                "Give a shorter task, or choose a model with a larger context window.",
            )

    def learn(self, counted: PromptCount, usage: Usage) -> None:
        """Correct later counts by the usage that a response reports."""
        if not usage.estimated:
            # By tokenizer too: an estimate and an exact count of the same model are off in different ways.
            key = (counted.model, counted.by)
            self._ratios[key] = self._ratios.get(key, Ratio()).updated(counted.tokens, usage.input)

    def record_too_long(self, counted: PromptCount, route: Route, stated: int | None = None) -> bool:
        """Correct later counts after a provider found this prompt too long, whatever our count said.

        `stated` is the window that the provider names. It counts if it is smaller than the known one, as with a server that was
        started with less than its model can do. Where no window is known at all, the prompt itself shows that it is smaller.

        Returns True if a shorter prompt may fit. If our count would have to be wrong by more than `MOST`, the provider meant
        another limit than the window, and nothing is learned.
        """
        known = self._window(route)
        window = min((size for size in (known, stated) if size), default=int(self._corrected(counted) / TOO_LONG_FACTOR))
        if not window or counted.tokens * MOST < window * TOO_LONG_FACTOR:
            return False
        if window != route.context:
            self._windows[route.base_url, route.id] = window
        # A prompt just above the window would still be sent by `check`, and be refused again.
        floor = max(window * TOO_LONG_FACTOR, self._corrected(counted))
        self._ratios[counted.model, counted.by] = Ratio(counted=counted.tokens, reported=floor, calls=1)
        return True

    def _window(self, route: Route) -> int | None:
        """Context window in tokens, as the provider's refusals state it, else as it is known; None if it is not."""
        return self._windows.get((route.base_url, route.id), route.context)

    def _corrected(self, counted: PromptCount) -> int:
        return math.ceil(counted.tokens * self._ratios.get((counted.model, counted.by), Ratio()).value)
