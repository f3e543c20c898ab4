"""Judgement of words that are addressed to the bot: a task, small talk, or doubtful. Only a clear task may cost money."""

from __future__ import annotations

import re
from typing import Literal

from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon

MIN_TASK_WORDS = 3
"""Words from which on a text that is addressed to the bot is a task."""

TaskJudgement = Literal["task", "small_talk", "doubtful"]

_SENTENCE_END = re.compile(r"[.,;:!?\n…–—]+(?=\s|$)")


def judge_task(text: str, *, addressed: bool) -> TaskJudgement:
    """Judge a text. Words that are not `addressed` to the bot are a task only if they begin like one ("compare ...").

    Sentences of small talk beside a task do not count: "Thanks! Now plan the rollout." is a task.
    """
    known = lexicon()
    sentences = [fold_text(part).strip(EDGES) for part in _SENTENCE_END.split(text)]
    rest = [sentence for sentence in sentences if sentence and not known.small_talk.fullmatch(_without_names(sentence))]
    rest = [sentence for sentence in rest if not known.thanks.match(sentence)]
    if not rest:
        return "small_talk"
    if sum(len(sentence.split()) for sentence in rest) < MIN_TASK_WORDS:
        return "doubtful"
    return "task" if addressed or any(known.task.match(_opening(sentence)) for sentence in rest) else "doubtful"


def _opening(sentence: str) -> str:
    """A sentence without the greeting and the polite words before its first word of weight."""
    known, before = lexicon(), ""
    while sentence != before:
        before = sentence
        for phrases in (known.small_talk, known.courtesy):
            if (found := phrases.match(sentence)) and not known.task.match(sentence):
                sentence = sentence[found.end() :].strip(EDGES)
    return sentence


def _without_names(sentence: str) -> str:
    return re.sub(r"\s*@\S+", "", sentence)
