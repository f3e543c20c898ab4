"""Making a question of what an agent asks: for whom, as far as limits and quiet hours allow, and whether it is asked already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator_bridge.question import schedule, system_questions
from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.question.quorum import group_id
from orchestrator_bridge.question.screening import is_duplicate, is_reusable, route_question, secret_refusal
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import AskQuestion
from orchestrator_bridge.run.presentation.tools import format_arguments
from orchestrator_bridge.run.questions.availability import QuestionQuota, QuietHoursPolicy, overload_message
from orchestrator_bridge.run.state import RunState, ToolUse, agent_responder
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.directory import Audience, Directory, Mentioned, Responder, UnknownName
from orchestrator_bridge.team.team import Policy


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionFactory:
    """What making questions takes: who is who, the next question's number, and what people are spared."""

    directory: Directory
    quiet_hours: QuietHoursPolicy
    next_number: Callable[[], int]
    quota: QuestionQuota

    def ask(self, transaction: Transaction, action: AskQuestion) -> None:
        """Make a question, join the one that is the same, or tell the agent why there will be none."""
        state, refusal, audience = transaction.state, secret_refusal(action.ask), Audience()
        if not refusal:
            try:
                audience = self._audience(state, action)
            except UnknownName as error:
                refusal = str(error)
        known = None if refusal else _known(state, action.ask, audience)
        refusal = refusal or ("" if known else self.quota.quota_error(state, action.agent))
        if refusal:
            transaction.add(e.QuestionRefused(at=transaction.now, action=action.action, reason=refusal))
        elif known:
            transaction.add(e.QuestionJoined(at=transaction.now, action=action.action, question=known.id, wait=action.ask.wait))
        else:
            self._ask(transaction, action, audience)

    def _ask(self, transaction: Transaction, action: AskQuestion, audience: Audience) -> None:
        meant, most = audience_ids(audience), transaction.state.team.limits.open_per_person
        spared, audience = self.quota.exclude_overloaded(transaction.state, audience)
        if spared and not (audience.people or audience.groups):
            reason = f"{overload_message(spared, most)}."
            transaction.add(e.QuestionRefused(at=transaction.now, action=action.action, reason=reason))
            return
        notes = [f"{name} has enough open questions and is not asked" for name in spared]
        notes += [f"{name} cannot be reached here" for name in audience.unreachable]
        question = self._question(transaction, action, audience, tuple(notes)).model_copy(update={"meant": meant})
        transaction.add(
            e.QuestionAsked(at=transaction.now, action=action.action, question=self.quiet_hours.apply(transaction, question))
        )

    def request_approval(self, transaction: Transaction, use: ToolUse) -> None:
        """Ask people, and only people, whether an agent may use a tool; silence will be a no."""
        changed = transaction.state.first_seen.get(use.tool.model_name) != use.tool.digest
        why = "Its server describes it otherwise than it did when this run began." if changed else ""
        ask = system_questions.approval_question(use.tool.name, use.tool.server, format_arguments(use.arguments), why)
        action = AskQuestion(action=use.use, agent=use.agent, ask=ask)
        spared, audience = self.quota.exclude_overloaded(transaction.state, self._approvers(transaction.state, action))
        if not (audience.people or audience.groups):
            text = "Not called: it needs people's approval, and nobody can be asked now."
            transaction.add(e.ToolReturned(at=transaction.now, action=use.use, agent=use.agent, text=text, end="not_called"))
            return
        notes = tuple(f"{name} has enough open questions and is not asked" for name in spared)
        question = self._question(transaction, action, audience, notes)
        question = question.model_copy(update={"policy": system_questions.approval_policy(question.policy)})
        transaction.add(e.ApprovalAsked(at=transaction.now, question=self.quiet_hours.apply(transaction, question)))

    def _approvers(self, state: RunState, action: AskQuestion) -> Audience:
        """The people whom the team asks; where it asks agents only, or nobody whom we know, whoever gave the task."""
        try:
            audience = replace(self._audience(state, action), agents=())
        except UnknownName:  # the team file has changed since the run began
            audience = Audience()
        if audience.people or audience.groups:
            return audience
        return self.directory.audience(("humans",), place=state.place, by=state.by, agents=())

    def again(self, transaction: Transaction, question: Question, by: Responder) -> Question:
        """Ask a question that has ended once more, because a person wants it."""
        others = tuple(agent.spec.name for agent in transaction.state.live if agent.spec.name != question.agent)
        new = Question(
            id=self.next_number(),
            run=question.run,
            agent=question.agent,
            action=f"again:{question.agent}:{question.id}",
            ask=question.ask,
            policy=question.policy,
            asked=question.asked,
            groups=question.groups,
            meant=question.meant,
            decider=question.decider,
            others=others,
            here=question.here,
            authors={one.id: author for one in question.humans if (author := question.author(one.id))},
            joined=question.joined,
            again=question.id,
            asked_at=transaction.now,
        )
        transaction.add(
            e.AskedAgain(at=transaction.now, question=self.quiet_hours.apply(transaction, new), of=question.id, by=by)
        )
        return new

    def escalate(self, transaction: Transaction, question: Question) -> None:
        """Ask those too whom the next step of the policy's escalation names."""
        step = question.policy.escalate[question.escalated]
        try:
            found = self.directory.audience(step.to, place=transaction.state.place, by=transaction.state.by, agents=())
        except UnknownName:  # the team file has changed since the run began
            found = Audience()
        asleep, waits = self.quiet_hours.quiet_among(found.people, transaction.now), question.policy.asleep == "wait"
        known = {one.id for one in question.all_asked}
        spare = {
            one.who.id for one in found.people if one.who.id not in known and self.quota.is_overloaded(transaction.state, one.who)
        }
        people = tuple(one for one in found.people if (waits or one.who.id not in asleep) and one.who.id not in spare)
        transaction.add(
            e.Escalated(at=transaction.now, question=question.id, to=step.to, people=people, groups=found.groups, asleep=asleep)
        )

    # For whom -------------------------------------------------------------------------------------------------------------

    def _audience(self, state: RunState, action: AskQuestion) -> Audience:
        others = tuple(agent.spec.name for agent in state.live if agent.spec.name != action.agent)
        to = route_question(action.ask, action.agent, state.team)
        return self.directory.audience(to, place=state.place, by=state.by, agents=others)

    def _question(self, transaction: Transaction, action: AskQuestion, audience: Audience, notes: tuple[str, ...]) -> Question:
        state = transaction.state
        policy = schedule.scaled(state.team.policy, action.ask.urgency)
        decider = self._decider(state, policy) if audience.people or audience.groups else None
        missing = policy.decider is not None and decider is None and bool(audience.people)
        return Question(
            id=self.next_number(),
            run=state.run,
            agent=action.agent,
            action=action.action,
            ask=action.ask,
            policy=policy,
            asked=(*(one.who for one in audience.people), *(agent_responder(name) for name in audience.agents)),
            groups=audience.groups,
            decider=decider.who if decider else None,
            others=tuple(agent.spec.name for agent in state.live if agent.spec.name != action.agent),
            here=self._here(state, audience),
            authors={one.who.id: one.author for one in (*audience.people, *((decider,) if decider else ()))},
            notes=(*notes, *((f"{policy.decider}, who has the last word, cannot be reached here",) if missing else ())),
            asked_at=transaction.now,
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


def audience_ids(audience: Audience) -> tuple[str, ...]:
    """The ids of all who are to be asked: people, agents, roles."""
    people, agents = (one.who.id for one in audience.people), (agent_responder(name).id for name in audience.agents)
    return (*people, *agents, *(group_id(group.name) for group in audience.groups))


def _known(state: RunState, ask: Ask, audience: Audience) -> Question | None:
    """The same question: one that is open, else the newest that people have answered and nobody wanted asked again."""
    meant = frozenset(audience_ids(audience))
    alike = [one for one in state.questions.values() if is_duplicate(one, ask, meant)]
    replaced = {one.again for one in alike}
    usable = [one for one in alike if one.open or (is_reusable(one) and one.id not in replaced)]
    return max(usable, key=lambda one: (one.open, one.id), default=None)
