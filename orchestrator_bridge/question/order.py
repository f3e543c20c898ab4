"""What somebody wants who says `/questions 12 …`: something done to the question, or else to answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.question.intent import asks_to_repeat, declines, has_mention
from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.question.words import EDGES, fold_text, lexicon, strip_courtesy

QuestionVerb = Literal["cancel", "again", "more", "pass", "hand", "answer"]

_VERBS: dict[str, QuestionVerb] = {
    "cancel": "cancel",
    "close": "cancel",
    "again": "again",
    "more": "more",
    "pass": "pass",
    "hand": "pass",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionAction:
    """What to do, with the words that belong to it: how long, to whom, or the answer."""

    verb: QuestionVerb
    words: str = ""


def parse_question_action(ask: Ask, text: str) -> QuestionAction:
    """The order in a command's words. A verb counts only where what follows it can: `cancel the trip` is an answer."""
    text = text.strip()
    first, _, rest = text.partition(" ")
    verb, rest = _VERBS.get(fold_text(first).strip(EDGES)), rest.strip()
    if verb == "more":
        return QuestionAction(verb=verb, words=rest)
    if verb == "pass" and has_mention(rest):
        return QuestionAction(verb="hand", words=rest)
    if verb is not None and not _without_courtesy(rest):
        return QuestionAction(verb=verb)
    if asks_to_repeat(text):
        return QuestionAction(verb="again")
    return QuestionAction(verb="pass") if declines(ask, text) else QuestionAction(verb="answer", words=text)


def _without_courtesy(rest: str) -> str:
    """What is left of words once those are off that say nothing: `please`, `it`."""
    return lexicon().filler.sub(" ", strip_courtesy(rest)).strip(EDGES)
