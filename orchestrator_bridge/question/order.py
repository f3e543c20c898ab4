"""What somebody wants who says `/questions 12 …`: something done to the question, or else to answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.question.intent import asks_again, names_somebody, passes_on
from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.question.words import EDGES, bare, fold, words

Verb = Literal["cancel", "again", "more", "pass", "hand", "answer"]

_VERBS: dict[str, Verb] = {
    "cancel": "cancel",
    "close": "cancel",
    "again": "again",
    "more": "more",
    "pass": "pass",
    "hand": "pass",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What to do, with the words that belong to it: how long, to whom, or the answer."""

    verb: Verb
    words: str = ""


def read_order(ask: Ask, text: str) -> Order:
    """The order in a command's words. A verb counts only where what follows it can: `cancel the trip` is an answer."""
    text = text.strip()
    first, _, rest = text.partition(" ")
    verb, rest = _VERBS.get(fold(first).strip(EDGES)), rest.strip()
    if verb == "more":
        return Order(verb=verb, words=rest)
    if verb == "pass" and names_somebody(rest):
        return Order(verb="hand", words=rest)
    if verb is not None and not _meaning(rest):
        return Order(verb=verb)
    if asks_again(text):
        return Order(verb="again")
    return Order(verb="pass") if passes_on(ask, text) else Order(verb="answer", words=text)


def _meaning(rest: str) -> str:
    """What is left of words once those are off that say nothing: `please`, `it`."""
    return words().filler.sub(" ", bare(rest)).strip(EDGES)
