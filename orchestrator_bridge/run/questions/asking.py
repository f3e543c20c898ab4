"""Creation of questions from tool calls: their audience, within limits and quiet hours, and duplicates of earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator_bridge.question import schedule, system_questions
from orchestrator_bridge.question.decisions import Decision, Recollection, matching_decisions, settled_by_decision
from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.question.quorum import group_id
from orchestrator_bridge.question.screening import is_duplicate, is_reusable, route_question, secret_refusal
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import AskQuestion
from orchestrator_bridge.run.presentation.tools import format_arguments
from orchestrator_bridge.run.questions.availability import QuestionQuota, QuietHoursPolicy, overload_message
from orchestrator_bridge.run.state import RunState, ToolUse, agent_responder, is_settled_by_memory
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.directory import Audience, Directory, Mentioned, Responder, UnknownName
from orchestrator_bridge.team.team import Policy

NOTHING_RECALLED = Recollection()


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionFactory:
    """Creates questions as events of a transaction. `next_number` returns a new question number, unique over all runs."""

    directory: Directory
    quiet_hours: QuietHoursPolicy
    next_number: Callable[[], int]
    quota: QuestionQuota

    def ask(self, transaction: Transaction, action: AskQuestion, recalled: Recollection = NOTHING_RECALLED) -> None:
        """Ask a question, join an earlier one that is the same, offer or go by an earlier decision, or refuse it with the
        reason."""
        state = transaction.state
        if refusal := secret_refusal(action.ask):
            self._refuse(transaction, action, refusal)
            return
        try:
            audience = self._audience(transaction, action)
        except UnknownName as error:
            self._refuse(transaction, action, str(error))
            return
        # Joining costs nobody any time, so it is possible at every limit.
        if earlier := _earlier_question(state, action.ask, audience):
            event = e.QuestionJoined(at=transaction.now, action=action.action, question=earlier.id, wait=action.ask.wait)
            transaction.add(event)
        elif self._settled_by_memory(transaction, action, audience, recalled):
            return
        elif refusal := self.quota.quota_error(state, action.agent):
            self._refuse(transaction, action, refusal)
        else:
            self._ask(transaction, action, audience, recalled.shared_with)

    def _settled_by_memory(
        self, transaction: Transaction, action: AskQuestion, audience: Audience, recalled: Recollection
    ) -> bool:
        """Go by the decision that the ask names, or offer decisions that resemble it. False if it is to be asked."""
        ask, offered = action.ask, transaction.state.offered
        number = ask.refers_to if ask.settled_by is None else ask.settled_by
        if number is not None:
            decision = next((found for found in recalled.decisions if found.decision == number), None)
            if decision is None or (action.agent, number) not in offered:
                text = f"decision {number} was not offered to you, or holds no longer; leave settled_by and refers_to out to ask."
                self._refuse(transaction, action, text)
                return True
            if ask.settled_by is not None:
                self._use_decision(transaction, action, audience, decision)
            return ask.settled_by is not None
        alone = not (audience.people or audience.groups)
        found = matching_decisions(ask, recalled.decisions, agents_alone=alone)
        new = tuple(decision for decision in found if (action.agent, decision.decision) not in offered)
        if new:
            transaction.add(e.DecisionsOffered(at=transaction.now, action=action.action, decisions=new))
        return bool(new)

    def _use_decision(self, transaction: Transaction, action: AskQuestion, audience: Audience, decision: Decision) -> None:
        outcome = settled_by_decision(action.ask, decision, transaction.now)
        question = self._question(transaction, action, audience, ())
        question = question.model_copy(
            update={"meant": audience_ids(audience), "outcome": outcome, "supersedes": decision.decision}
        )
        transaction.add(e.DecisionUsed(at=transaction.now, action=action.action, question=question, decision=decision))

    def _refuse(self, transaction: Transaction, action: AskQuestion, reason: str) -> None:
        transaction.add(e.QuestionRefused(at=transaction.now, action=action.action, reason=reason))

    def _ask(self, transaction: Transaction, action: AskQuestion, audience: Audience, shared_with: str) -> None:
        # Duplicates are found by the people who were meant: who was left out for quiet hours or limits differs from time to time.
        meant, limit = audience_ids(audience), transaction.state.team.limits.open_per_person
        overloaded, audience = self.quota.exclude_overloaded(transaction.state, audience)
        if overloaded and not (audience.people or audience.groups):
            self._refuse(transaction, action, f"{overload_message(overloaded, limit)}.")
            return
        unreachable = (f"{name} cannot be reached here" for name in audience.unreachable)
        notes = (*_overload_notes(overloaded), *unreachable)
        more = {"meant": meant, "shared_with": shared_with, "supersedes": action.ask.refers_to}
        question = self._question(transaction, action, audience, notes).model_copy(update=more)
        transaction.add(
            e.QuestionAsked(at=transaction.now, action=action.action, question=self.quiet_hours.apply(transaction, question))
        )

    def request_approval(self, transaction: Transaction, use: ToolUse) -> None:
        """Ask people, and only people, if an agent may use a tool; silence counts as no."""
        changed = transaction.state.first_seen.get(use.tool.model_name) != use.tool.digest
        why = "Its server describes it differently than when this run began." if changed else ""
        ask = system_questions.approval_question(use.tool.name, use.tool.server, format_arguments(use.arguments), why)
        action = AskQuestion(action=use.use, agent=use.agent, ask=ask)
        overloaded, audience = self.quota.exclude_overloaded(transaction.state, self._approvers(transaction, action))
        if not (audience.people or audience.groups):
            text = "Not called: it needs people's approval, and nobody can be asked now."
            transaction.add(e.ToolReturned(at=transaction.now, action=use.use, agent=use.agent, text=text, end="not_called"))
            return
        question = self._question(transaction, action, audience, _overload_notes(overloaded))
        question = question.model_copy(update={"policy": system_questions.approval_policy(question.policy)})
        transaction.add(e.ApprovalAsked(at=transaction.now, question=self.quiet_hours.apply(transaction, question)))

    def _approvers(self, transaction: Transaction, action: AskQuestion) -> Audience:
        """The people whom the team asks; the requester where it asks agents only, or nobody who is known."""
        state = transaction.state
        try:
            audience = replace(self._audience(transaction, action), agents=())
        except UnknownName:  # the team file has changed since the run began
            audience = Audience()
        if audience.people or audience.groups:
            return audience
        return self.directory.audience(("humans",), place=state.place, by=state.by, agents=(), now=transaction.now)

    def again(self, transaction: Transaction, question: Question, by: Responder) -> Question:
        """Ask a question that has ended again, at a person's request."""
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
            authors={person.id: author for person in question.humans if (author := question.author(person.id))},
            joined=question.joined,
            again=question.id,
            supersedes=question.supersedes if is_settled_by_memory(question) else question.id,
            shared_with=question.shared_with,
            asked_at=transaction.now,
        )
        transaction.add(
            e.AskedAgain(at=transaction.now, question=self.quiet_hours.apply(transaction, new), of=question.id, by=by)
        )
        return new

    def escalate(self, transaction: Transaction, question: Question) -> None:
        """Ask the people of the policy's next escalation step too."""
        step = question.policy.escalate[question.escalated]
        try:
            state, now = transaction.state, transaction.now
            found = self.directory.audience(step.to, place=state.place, by=state.by, agents=(), now=now)
        except UnknownName:  # the team file has changed since the run began
            found = Audience()
        asleep = self.quiet_hours.quiet_among(found.people, transaction.now)
        left_out = set() if question.policy.asleep == "wait" else set(asleep)
        known = {person.id for person in question.all_asked}
        left_out |= {
            person.who.id
            for person in found.people
            if person.who.id not in known and self.quota.is_overloaded(transaction.state, person.who)
        }
        people = tuple(person for person in found.people if person.who.id not in left_out)
        transaction.add(
            e.Escalated(at=transaction.now, question=question.id, to=step.to, people=people, groups=found.groups, asleep=asleep)
        )

    def _audience(self, transaction: Transaction, action: AskQuestion) -> Audience:
        state = transaction.state
        others = tuple(agent.spec.name for agent in state.live if agent.spec.name != action.agent)
        to = route_question(action.ask, action.agent, state.team)
        return self.directory.audience(to, place=state.place, by=state.by, agents=others, now=transaction.now)

    def _question(self, transaction: Transaction, action: AskQuestion, audience: Audience, notes: tuple[str, ...]) -> Question:
        state = transaction.state
        policy = schedule.scaled(state.team.policy, action.ask.urgency)
        decider = self._decider(transaction, policy) if audience.people or audience.groups else None
        missing = policy.decider is not None and decider is None and bool(audience.people)
        here = {author.id for author in self.directory.members(state.place.platform, state.place.channel) or ()}
        return Question(
            id=self.next_number(),
            run=state.run,
            agent=action.agent,
            action=action.action,
            ask=action.ask,
            policy=policy,
            asked=(*(person.who for person in audience.people), *(agent_responder(name) for name in audience.agents)),
            groups=audience.groups,
            decider=decider.who if decider else None,
            others=tuple(agent.spec.name for agent in state.live if agent.spec.name != action.agent),
            here=tuple(person.who.id for person in audience.people if person.author.id in here),
            authors={person.who.id: person.author for person in (*audience.people, *((decider,) if decider else ()))},
            notes=(*notes, *((f"{policy.decider}, who has the last word, cannot be reached here",) if missing else ())),
            asked_at=transaction.now,
        )

    def _decider(self, transaction: Transaction, policy: Policy) -> Mentioned | None:
        if policy.decider is None:
            return None
        try:
            state, now = transaction.state, transaction.now
            found = self.directory.audience((policy.decider,), place=state.place, by=state.by, agents=(), now=now)
        except UnknownName:
            return None
        return found.people[0] if found.people else None


def audience_ids(audience: Audience) -> tuple[str, ...]:
    """The ids of an audience: people, agents, roles."""
    people, agents = (person.who.id for person in audience.people), (agent_responder(name).id for name in audience.agents)
    return (*people, *agents, *(group_id(group.name) for group in audience.groups))


def _overload_notes(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name} has enough open questions and is not asked" for name in names)


def _earlier_question(state: RunState, ask: Ask, audience: Audience) -> Question | None:
    """The same question if it is open, else its newest one that people answered and that was not asked again."""
    meant = frozenset(audience_ids(audience))
    same = [question for question in state.questions.values() if is_duplicate(question, ask, meant)]
    repeated = {question.again for question in same}
    usable = [question for question in same if question.open or (is_reusable(question) and question.id not in repeated)]
    return max(usable, key=lambda question: (question.open, question.id), default=None)
