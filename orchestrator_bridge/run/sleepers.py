"""Quiet hours: what becomes of a question for those of its people who are not to be disturbed, by the policy's `asleep`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator_bridge.people import Directory, UnknownName
from orchestrator_bridge.question.quorum import active_deciders, final_decider_id, required_votes
from orchestrator_bridge.question.values import Mentioned, Question
from orchestrator_bridge.run.batch import Transaction
from orchestrator_bridge.run.state import RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietPerson:
    """Somebody whose quiet hours it is: their id and name, until when by our clock, and what their own clock shows then."""

    id: str
    name: str
    until: float
    clock: str


@dataclass(frozen=True, slots=True)
class QuietHoursPolicy:
    """Who is not to be disturbed, and what that means for a question."""

    directory: Directory

    def quiet_among(self, people: Iterable[Mentioned], now: float) -> dict[str, float]:
        """Those of these people, by id, whose quiet hours it is, and until when by our clock."""
        found = {one.who.id: self.directory.quiet_until(one.who.id, now) for one in people}
        return {one: until for one, until in found.items() if until is not None}

    def quiet_people(self, people: Iterable[Mentioned], now: float) -> tuple[QuietPerson, ...]:
        """The same with what is to be told of them."""
        people = tuple(people)
        names = {one.who.id: one.who.name for one in people}
        return tuple(
            QuietPerson(id=one, name=names[one], until=until, clock=self.directory.local_time(one, until))
            for one, until in self.quiet_among(people, now).items()
        )

    def apply(self, transaction: Transaction, question: Question) -> Question:
        """A question that is about to be posted, as the policy has it for those who are asleep."""
        people = tuple(Mentioned(who=one, author=author) for one in question.humans if (author := question.author(one.id)))
        asleep = self.quiet_among(people, transaction.now)
        if not asleep:
            return question
        awake = [one for one in people if one.who.id not in asleep]
        match question.policy.asleep:
            case "next" if awake:
                return self._without(question, asleep)
            case "next" if next_ones := self._next(transaction.state, question, transaction.now):
                return self._in_their_place(question, next_ones, asleep)
            case "fall_back" if awake:
                return self._without(question, asleep)
            case "fall_back" if not question.groups:
                return question.model_copy(update={"asleep": asleep, "gone": frozenset(asleep)})
        return self._waiting(question, asleep)

    def _without(self, question: Question, asleep: Mapping[str, float]) -> Question:
        kept = tuple(one for one in question.asked if one.id not in asleep)
        decider = question.decider if question.decider and question.decider.id not in asleep else None
        notes = (*question.notes, *self._notes(question, asleep, "is not asked, since nobody disturbs them before"))
        return question.model_copy(update={"asked": kept, "decider": decider, "notes": notes})

    def _next(self, state: RunState, question: Question, now: float) -> tuple[Mentioned, ...]:
        """Those of the first step of the escalation in which somebody is awake."""
        for step in question.policy.escalate:
            try:
                found = self.directory.audience(step.to, place=state.place, by=state.by, agents=())
            except UnknownName:  # the team file has changed since the run began
                continue
            asleep = self.quiet_among(found.people, now)
            if awake := tuple(one for one in found.people if one.who.id not in asleep):
                return awake
        return ()

    def _in_their_place(self, question: Question, people: tuple[Mentioned, ...], asleep: Mapping[str, float]) -> Question:
        question = self._without(question, asleep)
        peers = (one for one in question.asked if one.kind == "agent")
        authors = {**question.authors, **{one.who.id: one.author for one in people}}
        return question.model_copy(update={"asked": (*(one.who for one in people), *peers), "authors": authors})

    def _waiting(self, question: Question, asleep: dict[str, float]) -> Question:
        """It is posted, but its times count from when enough are awake, and nobody is woken for it."""
        notes = (*question.notes, *self._notes(question, asleep, "is not disturbed before"))
        return question.model_copy(update={"asleep": asleep, "starts_at": earliest_start(question, asleep), "notes": notes})

    def _notes(self, question: Question, asleep: Mapping[str, float], what: str) -> tuple[str, ...]:
        names = {one.id: one.name for one in question.humans}
        return tuple(f"{names[one]} {what} {self.directory.local_time(one, until)}" for one, until in asleep.items())


def earliest_start(question: Question, asleep: Mapping[str, float]) -> float:
    """From when on, by our clock, enough of those who decide are awake, and whoever has the last word; 0 if they are now."""
    wakes = sorted(asleep.get(one.id, 0.0) for one in active_deciders(question))
    enough = 0.0 if question.groups or not wakes else wakes[min(required_votes(question), len(wakes)) - 1]
    return max(enough, asleep.get(final_decider_id(question), 0.0))
