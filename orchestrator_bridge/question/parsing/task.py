"""Judgement of words that are addressed to the bot: a task, small talk, or doubtful. Only a clear task may cost money.

The rule: a text is a task if one of its sentences is a request or a question that says what it is about.

- A request begins with a verb of work ("compare", "decide", "plan"), perhaps after "can you", and goes on with its object. A
  verb that is a noun too counts only before one: "plan the move" is a request; "plan B it is then" and "fix is already in" state
  facts. So does "create account is broken"; "decide for yourself" and "discuss tomorrow" have no object.
- A question begins as one and ends with a question mark, or weighs something ("which database should we use"). It counts if it
  is addressed to the bot, and not about the bot or about something said before ("are you done?", "did that work?").
- Both need a topic: a word beside those of greetings, thanks, assent and grammar, which the lexicon lists.

Other words are doubtful if they have a topic or ask something, and small talk if not. A text that is given `about` a message
needs no topic of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon

MIN_TASK_WORDS = 3
"""Words that a task has at least, unless it is about a message."""

TaskJudgement = Literal["task", "small_talk", "doubtful"]

_SENTENCE = re.compile(r"(.*?)([.!?\n…]+(?=\s|$)|$)", re.DOTALL)
_CLAUSE_END = re.compile(r"[,;:–—]+(?=\s|$)|\s+-+\s+")
_LABELLED = re.compile(r"(?:\w|#?\d[\w.]*)(?!\w)")
"""The name of a choice after a noun: "plan B", "fix 2"."""
_APPOINTMENT = re.compile(r"(?:^|\s)(?:at|um) \d{1,2}(?:[:.]\d\d)?(?!\S)")
"""A time of day after a noun: "review session at 3"."""
_PARTICIPLE = re.compile(r"\w+ed(?!\w)")
_WORD = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence without its small talk: its clauses, and whether it ends with a question mark."""

    clauses: tuple[str, ...]
    asks: bool

    @property
    def text(self) -> str:
        return " ".join(self.clauses)


def is_small_talk(text: str) -> bool:
    """True if a text consists of greetings, thanks and the like, each known as such: "ok, thanks!"."""
    return not any(sentence.clauses for sentence in _sentences(text))


def judge_task(text: str, *, addressed: bool, about: bool = False) -> TaskJudgement:
    """Judge a text. `addressed` to the bot: by a mention at its beginning, or in direct messages. `about`: it is about a message.

    Sentences of small talk beside a task do not count: "Thanks! Now plan the rollout." is a task.
    """
    sentences = [sentence for sentence in _sentences(text) if sentence.clauses]
    if not sentences:
        return "small_talk"
    serious = lexicon().joke.search(fold_text(text)) is None
    if serious and any(_is_task(sentence, addressed, about) for sentence in sentences):
        return "task"
    is_chat = not any(sentence.asks or _asks(sentence.text) or _has_topic(sentence.text) for sentence in sentences)
    return "small_talk" if is_chat else "doubtful"


def _sentences(text: str) -> Iterator[_Sentence]:
    known = lexicon()
    for found in _SENTENCE.finditer(text):
        clauses = [fold_text(part).strip(EDGES) for part in _CLAUSE_END.split(found[1])]
        chat = (known.small_talk, known.holding)
        kept = [clause for clause in clauses if clause and not any(words.fullmatch(_without_names(clause)) for words in chat)]
        kept = [clause for clause in kept if (rest := _opening(clause)) and known.holding.fullmatch(rest) is None]
        meant = (clause for clause in kept if not (known.thanks.match(clause) or known.thanks.match(_opening(clause))))
        yield _Sentence(tuple(meant), "?" in found[2])


def _is_task(sentence: _Sentence, addressed: bool, about: bool) -> bool:
    if not about and (len(sentence.text.split()) < MIN_TASK_WORDS or not _has_topic(sentence.text)):
        return False
    return any(
        _is_request(sentence, clause, about) or (addressed and _is_question(clause, asks=sentence.asks, about=about))
        for clause in sentence.clauses
    )


def _is_request(sentence: _Sentence, clause: str, about: bool) -> bool:
    """True if a clause asks for work: a verb of work at its beginning, or in German at its end."""
    known, line = lexicon(), _opening(clause)
    asked = known.request.match(line)
    if asked:
        line = _opening(line[asked.end() :].strip(EDGES))
    verb = known.task.match(line)
    if verb is None:
        return asked is not None and any(not line[found.end() :].strip(EDGES) for found in known.task.finditer(line))
    object_ = line[verb.end() :].strip(EDGES)
    # "The build is red, find out why", "decide: A or B": what follows the verb refers to other words of the sentence.
    refers = (not object_ or known.question.match(object_) is not None) and _has_topic(sentence.text.replace(verb[0], " ", 1))
    if not (about or refers or _has_topic(object_)):
        return False
    if asked is not None:
        return True
    if _is_adverb(object_):
        return False
    if known.task_noun.fullmatch(verb[0]) is not None:
        return _is_object(clause, object_, about)
    return (known.task_object.match(object_) or known.question.match(object_)) is not None or not _states(object_)


def _is_object(clause: str, text: str, about: bool) -> bool:
    """True if the words after a verb that is a noun too are its object. One that is missing is what the text is about."""
    known = lexicon()
    if about and not text:
        return True
    if len(clause.split()) < MIN_TASK_WORDS and not about:
        return False
    if known.task_object.match(text):
        return True
    begins_otherwise = known.after_noun.match(text) or _LABELLED.match(text) or _PARTICIPLE.match(text)
    return begins_otherwise is None and not _states(text) and _APPOINTMENT.search(text) is None


def _states(text: str) -> bool:
    """True if words state a fact, other than in a clause that describes an object: "tests that are flaky"."""
    known = lexicon()
    fact = known.statement.search(text)
    if fact is None:
        return False
    before = text[: fact.start()].strip(EDGES)
    return known.subordinate.search(before) is None or known.subordinate.fullmatch(before) is not None


def _is_adverb(text: str) -> bool:
    """True if the words after a verb say when or by whom, and not what: "tomorrow at ten", but not "tomorrow's release"."""
    found = lexicon().no_object.match(text)
    return found is not None and not text[found.end() :].startswith("'")


def _is_question(clause: str, *, asks: bool, about: bool) -> bool:
    """True if a clause asks the agents something. `asks`: its sentence ends with a question mark."""
    known, line = lexicon(), _opening(clause)
    if opinion := known.opinion.match(line):
        return about or _has_topic(line[opinion.end() :])
    if known.about_bot.search(line):
        return False
    if not _asks(line) or not (asks or known.weighing.search(line)):
        return about and asks
    while found := known.question.match(line):
        line = line[found.end() :].strip(EDGES)
    return about or known.pronoun.match(line) is None


def _asks(line: str) -> bool:
    return lexicon().question.match(line) is not None


def _has_topic(text: str) -> bool:
    """True if a text has a word that the lists of chat do not have."""
    known = lexicon()
    lists = (known.small_talk, known.thanks, known.holding, known.yes, known.no, known.yes_alone, known.no_alone, known.unsure)
    for pattern in (*lists, known.filler, known.courtesy, known.idle):
        text = pattern.sub(" ", text)
    return _WORD.search(text) is not None


def _opening(clause: str) -> str:
    """A clause without the greeting and the polite words before its first word of weight."""
    known, before = lexicon(), ""
    while clause != before:
        before = clause
        for phrases in (known.small_talk, known.courtesy):
            if (found := phrases.match(clause)) and not known.task.match(clause):
                clause = clause[found.end() :].strip(EDGES)
    return clause


def _without_names(sentence: str) -> str:
    return re.sub(r"\s*@\S+", "", sentence)
