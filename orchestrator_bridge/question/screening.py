"""Whether a question asks people for a credential, which no agent may: what stands in a thread can be read by many, for long.

A question about passwords ("how long shall passwords be?") is none; one is refused where words that ask to hand something out
come before the thing, and nothing makes a talk about such things of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon, strip_courtesy
from orchestrator_bridge.question.quorum import group_id
from orchestrator_bridge.team.team import RoutingRule, Team

NEAR = 60
"""Characters between the asking and the thing: farther apart they belong to different thoughts."""

REFUSAL = (
    "this asks for {thing!r}. Nobody may write a secret into a chat: ask for it to be put where the work is done "
    "(a secret store, an environment variable), or who can do that step."
)


def secret_refusal(ask: Ask) -> str:
    """Why a question may not be asked, or nothing if it asks for no secret."""
    for text in (ask.question, *re.split(r"(?<=[.!?])\s+|\n", ask.context)):
        thing = find_secret_request(text)
        if thing:
            return REFUSAL.format(thing=thing)
    return ""


def find_secret_request(sentence: str) -> str | None:
    """The secret that a sentence asks for, in its own words, or None."""
    known, line = lexicon(), fold_text(sentence)
    alone = _ARTICLE.sub("", strip_courtesy(line.rstrip("?")))
    if known.secrets.fullmatch(alone):
        return alone
    if known.hand_out_idle.match(line.strip(EDGES)):
        return None
    return next((thing[0] for thing in known.secrets.finditer(line) if _is_requested(line, thing)), None)


_ARTICLE = re.compile(r"^(?:the|your|my|our|das|die|den|dein|deine|deinen|ihr) ")
_ASKING_HOW = re.compile(r"(?<!\w)(?:how|where|whether|if|who|when|which|wie|wo|ob|wer|wann|welche[rsmn]?)(?!\w)")
_WHICH = re.compile(r"(?<!\w)(?:what|which|welche[rsmn]?)(?!\w)")


def _is_requested(line: str, thing: re.Match[str]) -> bool:
    """Whether words that ask to hand something out stand near a thing, before it or behind it."""
    known = lexicon()
    before, after = line[: thing.start()], line[thing.end() :]
    asking = [match.end() for match in known.hand_out.finditer(before) if not _is_for_others(before[: match.start()])]
    if asking and thing.start() - asking[-1] <= NEAR and not _is_about_secrets(line[asking[-1] : thing.start()], after):
        return True
    back = known.hand_back.search(after[:NEAR])
    return back is not None and not _is_about_secrets(_WHICH.sub(" ", before), after)


def _is_for_others(before: str) -> bool:
    """Whether somebody else is meant to do it: `what users enter`."""
    return any(match.end() == len(before.rstrip()) for match in lexicon().hand_out_others.finditer(before.rstrip()))


def _is_about_secrets(before: str, after: str) -> bool:
    """Whether the words around make it a question about such things, by a word that asks how or one of `secrets_about`."""
    about, earlier = lexicon().secrets_about, before.strip().rpartition(" ")[0]  # the last word belongs to the thing
    close = re.match(r"[\s\-–'\"]*((?:[\w-]+[\s\-]*){0,2})", after)
    follows = close is not None and about.search(close[1]) is not None
    return follows or about.search(earlier) is not None or _ASKING_HOW.search(before) is not None


SIMILARITY = 0.5
"""The part of all their words that two similar questions have in common."""


def is_duplicate(question: Question, ask: Ask, audience: frozenset[str]) -> bool:
    """Whether this is asked, of the same people and agents (their ids), in the same words but for case, spaces and signs."""
    return _duplicate_key(question.ask) == _duplicate_key(ask) and intended_audience(question) == audience


def is_same_wording(ask: Ask, other: Ask | str) -> bool:
    """Whether this is put like another question, to the same by name; of one whose words alone are known, whether in those."""
    if isinstance(other, str):
        return _normalised(ask.question) == _normalised(other)
    return _duplicate_key(ask) == _duplicate_key(other) and frozenset(ask.to) == frozenset(other.to)


def intended_audience(question: Question) -> frozenset[str]:
    """The ids of all whom a question was meant for, whether or not they were asked: some are spared, or asleep."""
    asked = (*(one.id for one in question.asked), *(group_id(group.name) for group in question.groups))
    return frozenset(question.meant or asked)


def is_reusable(question: Question) -> bool:
    """Whether an outcome may be given to whoever asks the same later: people gave it, and it was no leave for one deed."""
    outcome = question.outcome
    return outcome is not None and outcome.decided_by == "human" and question.ask.kind not in ("confirm", "approval")


def similar_questions(question: Question, others: Iterable[Question]) -> Sequence[Question]:
    """Those of the other questions, ended, that are like this one."""
    own = _words(question.ask)
    return [one for one in others if one.id != question.id and one.outcome and _overlaps(own, _words(one.ask))]


def _duplicate_key(ask: Ask) -> tuple[object, ...]:
    options = tuple((one.id, fold_text(one.label)) for one in ask.options)
    return ask.kind, options, ask.unit, ask.min, ask.max, _normalised(ask.question)


def _normalised(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold_text(text)))


def _words(ask: Ask) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", fold_text(ask.question)))


def _overlaps(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SIMILARITY * max(1, len(one | other))


def route_question(ask: Ask, agent: str, team: Team) -> tuple[str, ...]:
    """The names whom a question goes to: those that it names itself, except that `humans` alone is nobody in particular.

    The first route that fits takes the place of `humans`; without one, an `ask` without names goes to whom all of the team ask.
    """
    to = ask.to or team.ask
    if ask.to and "humans" not in ask.to:
        return to
    route = next((route for route in team.routes if _rule_matches(route, ask, agent)), None)
    if route is None:
        return to
    rest = [name for name in ask.to if name != "humans"]
    return tuple(dict.fromkeys((*route.to, *rest)))


def _rule_matches(route: RoutingRule, ask: Ask, agent: str) -> bool:
    if route.agents and agent not in route.agents:
        return False
    text = fold_text(" ".join((ask.question, *(option.label for option in ask.options))))
    return not route.words or any(_pattern(word).search(text) for word in route.words)


def _pattern(word: str) -> re.Pattern[str]:
    """A whole word or phrase; `*` at its end stands for any ending."""
    phrase = rf"(?<!\w){re.escape(fold_text(word.removesuffix('*')))}"
    return re.compile(phrase if word.endswith("*") else rf"{phrase}(?!\w)")
