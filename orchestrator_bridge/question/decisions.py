"""Decisions: settled questions as the record of a team, and which of them resemble a new question.

No model takes part. A decision resembles a question if both have enough content words in common: `matching_decisions` has the
rule. The number of a decision is that of its question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.text import listed, one_line
from orchestrator_bridge.question.model import Ask, Outcome, Question
from orchestrator_bridge.question.parsing.lexicon import fold_text
from orchestrator_bridge.question.quorum import counted_replies, final_decider_reply, people_decide
from orchestrator_bridge.question.system_questions import ASKER


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The outcome of a question. `at`: seconds since the epoch by our clock.

    `place`, `message` and `link` (its web address) are those of the question's card; `server` is the server or workspace that
    shares the decision, empty if it belongs to its channel alone. `people` and `people_ids`: those who decided, by name and by
    responder id. `quorum`: the rule by which they did, in words. `offered`: agents may go by it. `superseded_by`: number of the
    decision that replaces it.
    """

    decision: int
    run: int
    team: str
    place: Place
    message: str | None = None
    link: str = ""
    server: str = ""
    question: str
    options: tuple[str, ...] = ()
    outcome: str
    kind: str
    decided_by: str
    quorum: str = ""
    people: tuple[str, ...] = ()
    people_ids: tuple[str, ...] = ()
    at: float
    offered: bool = False
    superseded_by: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionScope:
    """The decisions that can be seen from a place: those of its channel, and those that `server` shares, if it is not empty."""

    place: Place
    server: str = ""

    def sees(self, decision: Decision) -> bool:
        """True if a decision can be seen."""
        here, there = self.place, decision.place
        if here.platform != there.platform:
            return False
        return here.channel == there.channel or (bool(self.server) and self.server == decision.server)


def decision_of(question: Question, *, team: str, place: Place, at: float) -> Decision | None:
    """The decision of a settled question of a run in `place`; None if it has none: it is open, or was closed without one."""
    outcome = question.outcome
    if outcome is None or outcome.status == "cancelled":
        return None
    delivery = question.delivery
    last = final_decider_reply(question)
    replies = () if outcome.status == "fallen_back" else (last,) if last else counted_replies(question)
    return Decision(
        decision=question.id,
        run=question.run,
        team=team,
        place=delivery.place if delivery else place,
        message=delivery.message if delivery else None,
        link=delivery.url if delivery else "",
        server=question.shared_with,
        question=question.ask.question,
        options=tuple(option.label for option in question.ask.options),
        outcome=outcome.decision,
        kind=question.ask.kind,
        decided_by=outcome.decided_by,
        quorum=_quorum_words(question),
        people=tuple(one_line(reply.author.name, 80) or "somebody" for reply in replies),
        people_ids=tuple(reply.author.id for reply in replies),
        at=at,
        offered=_may_be_offered(question),
    )


def _may_be_offered(question: Question) -> bool:
    """True if agents may go by the outcome later.

    A fallback decides for one run only, and a confirmation or an approval allows one action only. Townhall's own questions,
    those for money, are about their run.
    """
    outcome = question.outcome
    decided = outcome is not None and outcome.decided_by in ("human", "agent")
    return decided and question.ask.kind not in ("confirm", "approval") and question.agent != ASKER


def _quorum_words(question: Question) -> str:
    outcome = question.outcome
    if outcome is None or outcome.status == "fallen_back":
        return ""
    if final_decider_reply(question) is not None:
        return "last word"
    quorum = question.policy.quorum if people_decide(question) else question.policy.peer_quorum
    match quorum:
        case "first":
            return "first answer"
        case "majority" | "all":
            return quorum
        case number:
            return f"{number} answers" if number > 1 else "first answer"


def settled_by_decision(ask: Ask, decision: Decision, now: float) -> Outcome:
    """The outcome of a question that an earlier decision answers; its option, if the decision has the words of one."""
    words = fold_text(decision.outcome)
    choice = next((option.id for option in ask.options if fold_text(option.label) == words), None)
    why = f"settled on {date_text(decision.at, now)} by {deciders_text(decision)} as decision {decision.decision}"
    return Outcome(status="answered", decision=decision.outcome, choice=choice, decided_by="memory", why=why, at=now)


def deciders_text(decision: Decision) -> str:
    """Those who decided, and by which rule: `Alice and Bob (majority)`, `the agents skeptic and judge (all)`, `a fallback`."""
    if decision.decided_by.startswith("fallback:"):
        return f"the fallback {decision.decided_by.removeprefix('fallback:').replace('_', ' ')}"
    names = decision.people if len(decision.people) < 6 else (*decision.people[:4], f"{len(decision.people) - 4} others")
    agents = f"the agent{'s' if len(names) > 1 else ''} " if decision.decided_by == "agent" and names else ""
    quorum = f" ({decision.quorum})" if decision.quorum else ""
    return f"{agents}{listed(names) or 'somebody'}{quorum}"


def outcome_text(decision: Decision) -> str:
    """The outcome in one line, with the decision that replaces it."""
    newer = f" (superseded by {decision.superseded_by})" if decision.superseded_by is not None else ""
    return f"{' '.join(decision.outcome.split())}{newer}"


def date_text(at: float, now: float) -> str:
    """The day of a time in UTC, with the year unless it is the present one: `3 Nov`, `3 Nov 2025`."""
    day = datetime.fromtimestamp(at, UTC)
    year = "" if day.year == datetime.fromtimestamp(now, UTC).year else f" {day.year}"
    return f"{day.day} {_MONTHS[day.month - 1]}{year}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

MAX_SEARCH_WORDS = 12
"""Words of a search that count: each costs a look-up in the index."""
MAX_WORDS = 8
"""Content words of a question by which decisions are looked up: its longest."""
LEAST_COMMON = 2
"""Content words that two questions must have in common."""
LEAST_SHARE = 0.75
"""Least share of the words in common among the content words of the shorter question."""
LEAST_STEM = 5
"""Letters from which on the beginning of a word stands for it: `deploy` is `deployment`, but `test` is not `tester`."""
MAX_OFFERED = 3
"""Decisions that are offered to an agent for one question, the most similar first."""

_WORD = re.compile(r"\w+")
_FUNCTION_WORDS = frozenset(
    _WORD.findall("""
    a about after again all also an and any are as at be because been before being between both but by can could did do does
    doing done during each else every few for from get give go going had has have having how i if in instead into is it its
    just let made make many may me more most much must my need needs no nor not now of off on once one only or other our out
    over own per please put same shall should so some still such take than that the their them then there these they this
    those through to too two under until up us use used using very want was we were what when where whether which while who
    whom whose why will with without would yes you your
    aber alle als also am an auch auf aus bei beim bis da damit dann das dass de dein dem den der des die dies diese diesem
    diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euch fuer für ganz gar geht gibt hat
    haben hier ich ihr ihre im in ins ist ja jede jeden jeder jedes jetzt kann kein keine können lassen machen man mehr mein
    mit muss müssen nach nicht noch nur ob oder ohne schon sein sein sich sie sind so soll sollen sollte sollten sowie statt
    über um und uns unser unsere unter vom von vor wann war warum was welche welchem welchen welcher welches wem wen wenn wer
    werden wie wieder wir wird wo wollen wurde zu zum zur zwischen
    """)
)
"""Words that say nothing on the matter of a question, in English and German. Numbers stay: `Python 3` is not `Python 2`."""


def content_words(text: str) -> tuple[str, ...]:
    """The words of a text that say what it is about, folded, each once in the order of their first use."""
    words = dict.fromkeys(_WORD.findall(fold_text(text)))
    return tuple(word for word in words if word not in _FUNCTION_WORDS and (len(word) > 1 or word.isdigit()))


def search_words(ask: Ask) -> tuple[str, ...]:
    """The content words by which decisions on the matter of a question are looked up, at most `MAX_WORDS`."""
    words = content_words(ask.question)
    return tuple(sorted(words, key=len, reverse=True)[:MAX_WORDS]) if len(words) > MAX_WORDS else words


def search_stem(word: str) -> str:
    """The beginning by which a word is looked up, so that `databases` finds `database`; short words are looked up whole."""
    return word[: max(LEAST_STEM, len(word) - 4)] if len(word) > LEAST_STEM else word


@dataclass(frozen=True, kw_only=True, slots=True)
class Recollection:
    """Result of the look-up before a question is asked: the decisions that the run may see and that may matter to it.

    They resemble the question, or are the one that it names. `shared_with` is as in `Question`.
    """

    decisions: tuple[Decision, ...] = ()
    shared_with: str = ""


def matching_decisions(
    ask: Ask, candidates: Iterable[Decision], *, agents_alone: bool, limit: int = MAX_OFFERED
) -> tuple[Decision, ...]:
    """The decisions that are offered to an agent before it asks: at most `limit`, the most similar first, then the newest.

    The questions have `LEAST_COMMON` content words in common, which are `LEAST_SHARE` of those of the shorter question, and the
    same numbers. An
    approval or confirmation has none. What agents alone have decided is only offered for a question to `agents_alone`.
    """
    if ask.kind in ("approval", "confirm"):
        return ()
    words = content_words(ask.question)
    found = [
        (share, decision)
        for decision in candidates
        if decision.offered
        and decision.superseded_by is None
        and (decision.decided_by == "human" or agents_alone)
        and (share := _common_share(words, content_words(decision.question))) >= LEAST_SHARE
    ]
    found.sort(key=lambda pair: (-pair[0], -pair[1].at))
    return tuple(decision for _, decision in found[:limit])


def _common_share(words: tuple[str, ...], others: tuple[str, ...]) -> float:
    """The share of common words among those of the shorter list; 0 if there are too few, or if a number differs."""
    if {word for word in words if not word.isalpha()} != {word for word in others if not word.isalpha()}:
        return 0.0
    left, common = list(others), 0
    for word in words:
        same = next((other for other in left if is_same_word(word, other)), None)
        if same is not None:
            left.remove(same)
            common += 1
    return common / min(len(words), len(others)) if common >= LEAST_COMMON else 0.0


def is_same_word(word: str, other: str) -> bool:
    """True if two folded words are equal, or if one begins with the other and is at most four letters longer."""
    short, long = sorted((word, other), key=len)
    if short == long:
        return True
    return len(short) >= LEAST_STEM and len(long) - len(short) <= 4 and long.startswith(short)
