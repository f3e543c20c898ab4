"""Screening of a question before it is asked: requests for secrets, duplicates, and routing to an audience.

No agent may ask people for a credential, because many people can read a thread, for a long time. A question about passwords
("how long shall passwords be?") is allowed. A question is refused if words that ask to hand something out stand near the name of
a secret, and no words around them make it a question about secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon, strip_courtesy
from orchestrator_bridge.question.quorum import group_id
from orchestrator_bridge.team.team import RoutingRule, Team

NEAR = 60
"""Characters between the request and the name of the secret; farther apart, they belong to different thoughts."""

REFUSAL = (
    "this asks for {thing!r}. Secrets must not be written into a chat: ask for the secret to be put where it is needed "
    "(a secret store, an environment variable), or ask who can do that step."
)


def secret_refusal(ask: Ask) -> str:
    """Reason for the refusal of a question that asks for a secret, empty if it does not."""
    for text in (ask.question, *re.split(r"(?<=[.!?])\s+|\n", ask.context)):
        thing = find_secret_request(text)
        if thing:
            return REFUSAL.format(thing=thing)
    return ""


def find_secret_request(sentence: str) -> str | None:
    """Name of the secret that a sentence asks for, as it is written there; None if there is none."""
    known, line = lexicon(), fold_text(sentence)
    # "The API key?" asks for it without any verb.
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
    """True if words that ask to hand something out stand near the name of a secret, before or after it."""
    known = lexicon()
    before, after = line[: thing.start()], line[thing.end() :]
    # `what users enter` is about others. The request nearest to the secret decides.
    asking = [match.end() for match in known.hand_out.finditer(before) if not _names_others(before[: match.start()].rstrip())]
    if asking and thing.start() - asking[-1] <= NEAR and not _is_about_secrets(line[asking[-1] : thing.start()], after):
        return True
    back = known.hand_back.search(after[:NEAR])
    return back is not None and not _is_about_secrets(_WHICH.sub(" ", before), after)


def _names_others(before: str) -> bool:
    return any(match.end() == len(before) for match in lexicon().hand_out_others.finditer(before))


def _is_about_secrets(before: str, after: str) -> bool:
    """True if the words around make it a question about secrets: a word that asks how, or one of `secrets_about`."""
    about, earlier = lexicon().secrets_about, before.strip().rpartition(" ")[0]  # the last word belongs to the name of the secret
    close = re.match(r"[\s\-–'\"]*((?:[\w-]+[\s\-]*){0,2})", after)
    follows = close is not None and about.search(close[1]) is not None
    return follows or about.search(earlier) is not None or _ASKING_HOW.search(before) is not None


SIMILARITY = 0.5
"""Least share of common words (Jaccard index) of two similar questions."""


def is_duplicate(question: Question, ask: Ask, audience: frozenset[str]) -> bool:
    """True if an ask equals a question but for case, spaces and punctuation, for the same audience (ids)."""
    return _duplicate_key(question.ask) == _duplicate_key(ask) and intended_audience(question) == audience


def is_same_wording(ask: Ask, other: Ask | str) -> bool:
    """True if an ask has the wording and the audience (names) of another; of a plain text, only the wording is compared."""
    if isinstance(other, str):
        return _normalised(ask.question) == _normalised(other)
    return _duplicate_key(ask) == _duplicate_key(other) and frozenset(ask.to) == frozenset(other.to)


def intended_audience(question: Question) -> frozenset[str]:
    """Ids of the whole intended audience, including people spared by limits or in quiet hours."""
    asked = (*(responder.id for responder in question.asked), *(group_id(group.name) for group in question.groups))
    return frozenset(question.meant or asked)


def is_reusable(question: Question) -> bool:
    """True if the outcome may be returned to an agent that asks the same later.

    People must have decided it, and it must not be a confirmation or an approval, which hold for one action only.
    """
    outcome = question.outcome
    return outcome is not None and outcome.decided_by == "human" and question.ask.kind not in ("confirm", "approval")


SIMILAR_SHOWN = 3
"""Similar questions whose outcomes an agent is shown beside its own."""
SIMILAR_SEARCHED = 100
"""Newest questions of a run among which similar ones are looked for, so that a question costs the same however many there are."""


def newest_similar(question: Question, others: Iterable[Question]) -> tuple[int, ...]:
    """Numbers of the newest ended questions that resemble this one, oldest first, at most `SIMILAR_SHOWN`."""
    newest = tuple(others)[: -SIMILAR_SEARCHED - 1 : -1]
    found = [other.id for other in islice(_similar(question, newest), SIMILAR_SHOWN)]
    return tuple(reversed(found))


def similar_questions(question: Question, others: Iterable[Question]) -> Sequence[Question]:
    """All ended questions that resemble this one, as older logs are folded; newer ones name them (`QuestionSettled`)."""
    return list(_similar(question, others))


def _similar(question: Question, others: Iterable[Question]) -> Iterator[Question]:
    own = _words(question.ask)
    for other in others:
        if other.id == question.id or other.outcome is None:
            continue
        words = _words(other.ask)
        if len(own & words) >= SIMILARITY * max(1, len(own | words)):
            yield other


def _duplicate_key(ask: Ask) -> tuple[object, ...]:
    options = tuple((option.id, fold_text(option.label)) for option in ask.options)
    return ask.kind, options, ask.unit, ask.min, ask.max, _normalised(ask.question)


def _normalised(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold_text(text)))


@cached_on_value
def _words(ask: Ask) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", fold_text(ask.question)))


def route_question(ask: Ask, agent: str, team: Team) -> tuple[str, ...]:
    """Names that a question goes to.

    Names in the ask itself win, except `humans`, which is nobody in particular: the first route of the team that matches takes
    its place. Without a match, an ask without names goes to the team's default audience (`ask`).
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
    return not route.words or any(_word_pattern(word).search(text) for word in route.words)


def _word_pattern(word: str) -> re.Pattern[str]:
    """Pattern of a whole word or phrase; `*` at its end stands for any ending."""
    phrase = rf"(?<!\w){re.escape(fold_text(word.removesuffix('*')))}"
    return re.compile(phrase if word.endswith("*") else rf"{phrase}(?!\w)")
