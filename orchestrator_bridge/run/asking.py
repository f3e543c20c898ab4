"""Making a question of what an agent asks: for whom, as far as limits and quiet hours allow, and whether it is asked already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator_bridge.open_questions import OpenQuestions
from orchestrator_bridge.people import Audience, Directory, UnknownName
from orchestrator_bridge.question import approval, due
from orchestrator_bridge.question.quorum import group_id, needed
from orchestrator_bridge.question.route import routed
from orchestrator_bridge.question.same import reusable, same
from orchestrator_bridge.question.secret import asks_for_secret
from orchestrator_bridge.question.values import Ask, Mentioned, Question, Responder
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import AskPeople
from orchestrator_bridge.run.arguments import in_words
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.change import peer
from orchestrator_bridge.run.state import RunState, ToolUse, asked
from orchestrator_bridge.team import Policy
from orchestrator_bridge.text import listed


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """What making questions takes: who is who, the next question's number, and what is open in all runs."""

    directory: Directory
    next_number: Callable[[], int]
    open: OpenQuestions

    def ask(self, batch: Batch, action: AskPeople) -> None:
        """Make a question, join the one that is the same, or tell the agent why there will be none."""
        state, refusal, audience = batch.state, asks_for_secret(action.ask), Audience()
        if not refusal:
            try:
                audience = self._audience(state, action)
            except UnknownName as error:
                refusal = str(error)
        known = None if refusal else _known(state, action.ask, audience)
        refusal = refusal or ("" if known else self._over_limit(state, action))
        if refusal:
            batch.add(e.QuestionRefused(at=batch.now, action=action.action, reason=refusal))
        elif known:
            batch.add(e.QuestionJoined(at=batch.now, action=action.action, question=known.id, wait=action.ask.wait))
        else:
            self._ask(batch, action, audience)

    def _ask(self, batch: Batch, action: AskPeople, audience: Audience) -> None:
        spared, audience = self._spared(batch.state, audience)
        most = batch.state.team.limits.open_per_person
        if spared and not (audience.people or audience.groups):
            reason = f"{listed(spared)} {_has(spared)} {most} open questions already, the most that one person gets."
            batch.add(e.QuestionRefused(at=batch.now, action=action.action, reason=reason))
            return
        notes = [
            f"{name} has {batch.state.team.limits.open_per_person} open questions already and is not asked" for name in spared
        ]
        notes += [f"{name} cannot be reached here" for name in audience.unreachable]
        question = self._question(batch, action, audience, tuple(notes))
        batch.add(e.QuestionAsked(at=batch.now, action=action.action, question=self._awake(batch, question)))

    def approve(self, batch: Batch, use: ToolUse) -> None:
        """Ask people, and only people, whether an agent may use a tool; silence will be a no."""
        changed = batch.state.first_seen.get(use.tool.called) != use.tool.digest
        why = "Its server describes it otherwise than it did when this run began." if changed else ""
        ask = approval.asking(use.tool.name, use.tool.server, in_words(use.arguments), why)
        action = AskPeople(action=use.use, agent=use.agent, ask=ask)
        spared, audience = self._spared(batch.state, self._approvers(batch.state, action))
        if not (audience.people or audience.groups):
            text = "Not called: it needs people's approval, and nobody can be asked now."
            batch.add(e.ToolReturned(at=batch.now, action=use.use, agent=use.agent, text=text, end="not_called"))
            return
        notes = tuple(f"{name} has many open questions already and is not asked" for name in spared)
        question = self._question(batch, action, audience, notes)
        question = question.model_copy(update={"policy": approval.strict(question.policy)})
        batch.add(e.ApprovalAsked(at=batch.now, question=self._awake(batch, question)))

    def _approvers(self, state: RunState, action: AskPeople) -> Audience:
        """The people whom the team asks; where it asks agents only, or nobody whom we know, whoever gave the task."""
        try:
            audience = replace(self._audience(state, action), agents=())
        except UnknownName:  # the team file has changed since the run began
            audience = Audience()
        if audience.people or audience.groups:
            return audience
        return self.directory.audience(("humans",), place=state.place, by=state.by, agents=())

    def again(self, batch: Batch, question: Question, by: Responder) -> Question:
        """Ask a question that has ended once more, because a person wants it."""
        others = tuple(agent.spec.name for agent in batch.state.live if agent.spec.name != question.agent)
        new = Question(
            id=self.next_number(),
            run=question.run,
            agent=question.agent,
            action=f"again:{question.agent}:{question.id}",
            ask=question.ask,
            policy=question.policy,
            asked=question.asked,
            groups=question.groups,
            decider=question.decider,
            others=others,
            here=question.here,
            authors={one.id: author for one in question.humans if (author := question.author(one.id))},
            joined=question.joined,
            again=question.id,
            asked_at=batch.now,
        )
        batch.add(e.AskedAgain(at=batch.now, question=self._awake(batch, new), of=question.id, by=by))
        return new

    def escalate(self, batch: Batch, question: Question) -> None:
        """Ask those too whom the next step of the policy's escalation names."""
        step = question.policy.escalate[question.escalated]
        try:
            found = self.directory.audience(step.to, place=batch.state.place, by=batch.state.by, agents=())
        except UnknownName:  # the team file has changed since the run began
            found = Audience()
        asleep = self.asleep(batch, found.people)
        waits = question.policy.asleep == "wait"
        people = tuple(one for one in found.people if waits or one.who.id not in asleep)
        batch.add(e.Escalated(at=batch.now, question=question.id, to=step.to, people=people, groups=found.groups, asleep=asleep))

    def asleep(self, batch: Batch, people: tuple[Mentioned, ...]) -> dict[str, float]:
        """Those of these people whose quiet hours it is, and until when."""
        found = {one.who.id: self.directory.asleep_until(one.who.id, batch.now) for one in people}
        return {one: until for one, until in found.items() if until is not None}

    # For whom -------------------------------------------------------------------------------------------------------------

    def _audience(self, state: RunState, action: AskPeople) -> Audience:
        others = tuple(agent.spec.name for agent in state.live if agent.spec.name != action.agent)
        to = routed(action.ask, action.agent, state.team)
        return self.directory.audience(to, place=state.place, by=state.by, agents=others)

    def _spared(self, state: RunState, audience: Audience) -> tuple[tuple[str, ...], Audience]:
        """The names of those who are asked so much already that they are spared, and the audience without them."""
        most = state.team.limits.open_per_person
        full = {one.who.id for one in audience.people if self.open.for_person(one.who.id) + self._unstored(state, one) >= most}
        names = tuple(one.who.name for one in audience.people if one.who.id in full)
        return names, replace(audience, people=tuple(one for one in audience.people if one.who.id not in full))

    def _unstored(self, state: RunState, person: Mentioned) -> int:
        """Questions to somebody that were made in this very transaction, less those that have ended in it."""
        theirs = [one for one in state.questions.values() if any(asked.id == person.who.id for asked in one.asked)]
        new = sum(one.open and not self.open.knows(one.id) for one in theirs)
        return new - sum(not one.open and self.open.knows(one.id) for one in theirs)

    def _question(self, batch: Batch, action: AskPeople, audience: Audience, notes: tuple[str, ...]) -> Question:
        state = batch.state
        policy = due.scaled(state.team.policy, action.ask.urgency)
        decider = self._decider(state, policy) if audience.people or audience.groups else None
        missing = policy.decider is not None and decider is None and bool(audience.people)
        return Question(
            id=self.next_number(),
            run=state.run,
            agent=action.agent,
            action=action.action,
            ask=action.ask,
            policy=policy,
            asked=(*(one.who for one in audience.people), *(peer(name) for name in audience.agents)),
            groups=audience.groups,
            decider=decider.who if decider else None,
            others=tuple(agent.spec.name for agent in state.live if agent.spec.name != action.agent),
            here=self._here(state, audience),
            authors={one.who.id: one.author for one in (*audience.people, *((decider,) if decider else ()))},
            notes=(*notes, *((f"{policy.decider}, who has the last word, cannot be reached here",) if missing else ())),
            asked_at=batch.now,
        )

    def _decider(self, state: RunState, policy: Policy) -> Mentioned | None:
        if policy.decider is None:
            return None
        try:
            found = self.directory.audience((policy.decider,), place=state.place, by=state.by, agents=())
        except UnknownName:
            return None
        return found.people[0] if found.people else None

    def _here(self, state: RunState, audience: Audience) -> tuple[str, ...]:
        here = {author.id for author in self.directory.members(state.place.platform, state.place.channel) or ()}
        return tuple(one.who.id for one in audience.people if one.author.id in here)

    # Quiet hours ----------------------------------------------------------------------------------------------------------

    def _awake(self, batch: Batch, question: Question) -> Question:
        """The question as the policy has it for those who are asleep."""
        people = tuple(
            Mentioned(who=one, author=author) for one in question.humans if (author := question.author(one.id)) is not None
        )
        asleep = self.asleep(batch, people)
        if not asleep:
            return question
        awake = [one for one in people if one.who.id not in asleep]
        match question.policy.asleep:
            case "next" if awake:
                return self._without(question, asleep)
            case "next" if next_ones := self._next(batch, question):
                return self._in_their_place(question, next_ones, asleep)
            case "fall_back" if awake:
                return self._without(question, asleep)
            case "fall_back" if not question.groups:
                return question.model_copy(update={"asleep": asleep, "gone": frozenset(asleep)})
        return self._waiting(question, asleep)

    def _without(self, question: Question, asleep: dict[str, float]) -> Question:
        kept = tuple(one for one in question.asked if one.id not in asleep)
        decider = question.decider if question.decider and question.decider.id not in asleep else None
        notes = (*question.notes, *self._sleeping(question, asleep, "is not asked, since nobody disturbs them before"))
        return question.model_copy(update={"asked": kept, "decider": decider, "notes": notes})

    def _next(self, batch: Batch, question: Question) -> tuple[Mentioned, ...]:
        """Those of the first step of the escalation in which somebody is awake."""
        for step in question.policy.escalate:
            found = self.directory.audience(step.to, place=batch.state.place, by=batch.state.by, agents=())
            asleep = self.asleep(batch, found.people)
            if awake := tuple(one for one in found.people if one.who.id not in asleep):
                return awake
        return ()

    def _in_their_place(self, question: Question, people: tuple[Mentioned, ...], asleep: dict[str, float]) -> Question:
        question = self._without(question, asleep)
        peers = (one for one in question.asked if one.kind == "agent")
        authors = {**question.authors, **{one.who.id: one.author for one in people}}
        return question.model_copy(update={"asked": (*(one.who for one in people), *peers), "authors": authors})

    def _waiting(self, question: Question, asleep: dict[str, float]) -> Question:
        """It is posted, but its times count from when enough are awake, and nobody is woken for it."""
        notes = (*question.notes, *self._sleeping(question, asleep, "is not disturbed before"))
        wakes = sorted(asleep.get(one.id, 0.0) for one in question.humans)
        starts = 0.0 if question.groups else wakes[min(needed(question), len(wakes)) - 1]
        if question.decider:
            starts = max(starts, asleep.get(question.decider.id, 0.0))
        return question.model_copy(update={"asleep": asleep, "starts_at": starts, "notes": notes})

    def _sleeping(self, question: Question, asleep: dict[str, float], what: str) -> tuple[str, ...]:
        names = {one.id: one.name for one in question.humans}
        return tuple(f"{names[one]} {what} {self.directory.clock(one, until)}" for one, until in asleep.items())

    # Limits ---------------------------------------------------------------------------------------------------------------

    def _over_limit(self, state: RunState, action: AskPeople) -> str:
        limits, agent = state.team.limits, action.agent
        open_here = [one for one in state.questions.values() if one.open]
        elsewhere = sum(not self.open.knows(one.id) for one in open_here)
        if state.agents[agent].asked >= limits.per_agent:
            return f"you have asked {limits.per_agent} questions, the limit for one agent of this run."
        if asked(state) >= limits.per_run:
            return f"{limits.per_run} questions have been asked, the limit for this run."
        if sum(one.agent == agent for one in open_here) >= limits.open_per_agent:
            return f"{limits.open_per_agent} of your questions are open, the most at a time for one agent."
        if len(open_here) >= limits.open_per_run:
            return f"{limits.open_per_run} questions are open, the most at a time for this run."
        if self.open.in_channel(state.place) + elsewhere >= limits.open_per_channel:
            return f"{limits.open_per_channel} questions are open in this channel, the most at a time."
        return ""


def _has(names: tuple[str, ...]) -> str:
    return "has" if len(names) == 1 else "have"


def _known(state: RunState, ask: Ask, audience: Audience) -> Question | None:
    """The same question: one that is open, else the newest that people have answered and nobody wanted asked again."""
    ids = frozenset(
        (
            *(one.who.id for one in audience.people),
            *(peer(name).id for name in audience.agents),
            *(group_id(group.name) for group in audience.groups),
        )
    )
    alike = [one for one in state.questions.values() if same(one, ask, ids)]
    replaced = {one.again for one in alike}
    usable = [one for one in alike if one.open or (reusable(one) and one.id not in replaced)]
    return max(usable, key=lambda one: (one.open, one.id), default=None)
