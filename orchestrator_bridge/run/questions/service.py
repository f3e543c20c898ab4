"""Makes questions, does what is due and settles, as changes to a transaction. The rules are `settle` and `due`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal

from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.question import schedule, settlement
from orchestrator_bridge.question.model import Delivery, Outcome, Question, to_platform_time
from orchestrator_bridge.question.quorum import group_id, people_decide, people_to_remind
from orchestrator_bridge.question.system_questions import ASKER, budget_policy, budget_question
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import AskQuestion
from orchestrator_bridge.run.presentation.posts import newest_key
from orchestrator_bridge.run.questions import actions
from orchestrator_bridge.run.questions.asking import QuestionFactory
from orchestrator_bridge.run.questions.availability import OpenQuestionIndex, QuestionQuota, QuietHoursPolicy
from orchestrator_bridge.run.questions.responses import ResponseHandler
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import RunState, ToolUse, agent_responder
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.budgets import BudgetStatus
from orchestrator_bridge.team.directory import Audience, Directory, Mentioned, Responder, UnknownName


class QuestionService:
    """Makes questions of what agents ask, and ends them; `responses` hears people. `no_human_reachable`: no person can be
    reached."""

    def __init__(
        self,
        directory: Directory,
        next_number: Callable[[], int],
        no_human_reachable: Callable[[RunState], bool],
        open_questions: OpenQuestionIndex | None = None,
    ) -> None:
        self._directory = directory
        self._quiet_hours = QuietHoursPolicy(directory)
        sparing = QuestionQuota(open_questions or OpenQuestionIndex())
        self._factory = QuestionFactory(
            directory=directory, quiet_hours=self._quiet_hours, next_number=next_number, quota=sparing
        )
        self._no_human_reachable = no_human_reachable
        self.responses = ResponseHandler(directory=directory, quiet_hours=self._quiet_hours, questions=self._factory)

    # Asking ---------------------------------------------------------------------------------------------------------------

    def ask(self, transaction: Transaction, action: AskQuestion) -> None:
        """Make a question, or tell the agent why there will be none."""
        self._factory.ask(transaction, action)
        if self._no_human_reachable(transaction.state):
            self.mark_unattended(transaction)

    def request_approval(self, transaction: Transaction, use: ToolUse) -> None:
        """Ask people whether an agent may use a tool, or refuse it where nobody can be asked."""
        self._factory.request_approval(transaction, use)
        if self._no_human_reachable(transaction.state):
            self.mark_unattended(transaction)

    def ask_for_more(self, transaction: Transaction, short: BudgetStatus, price: Decimal | None) -> None:
        """Ask those responsible for more money, for a call that may cost `price` and does not fit any more."""
        state, ask = transaction.state, budget_question(short, price)
        try:
            audience = self._directory.audience(state.team.responsible, place=state.place, by=state.by, agents=())
        except UnknownName:  # the team file has changed since the run began
            audience = Audience()
        question = Question(
            id=self._factory.next_number(),
            run=state.run,
            agent=ASKER,
            action=f"more:{state.seq}",
            ask=ask,
            policy=budget_policy(state.team.policy),
            asked=tuple(one.who for one in audience.people),
            groups=audience.groups,
            authors={one.who.id: one.author for one in audience.people},
            asked_at=transaction.now,
        )
        transaction.add(e.MoreAsked(at=transaction.now, budget=short.budget, limit=short.limit, question=question))
        if self._no_human_reachable(transaction.state):
            self.mark_unattended(transaction)

    def question_delivered(self, transaction: Transaction, outgoing: OutboxEntry, posted: PostedMessage, noted_at: float) -> None:
        """People can see the question, or somebody a copy of it."""
        place = replace(outgoing.place, thread=posted.thread)
        delivery = Delivery(place=place, message=posted.message, posted_at=posted.at, noted_at=noted_at)
        transaction.add(e.QuestionPosted(at=transaction.now, question=outgoing.question or 0, delivery=delivery))

    def question_undeliverable(self, transaction: Transaction, outgoing: OutboxEntry, why: str) -> None:
        """The question will never be seen: where people were to decide, it falls back at once."""
        known = transaction.state.questions.get(outgoing.question or 0)
        only = known is not None and outgoing.key == newest_key(known)
        if known is not None and only and known.open and known.stage is None and people_decide(known):
            self._start_fallback(transaction, known, f"it could not be posted: {why}")

    def cancel(self, transaction: Transaction, number: int) -> None:
        """The agent outside that asked does not want to know any more."""
        question = transaction.state.questions.get(number)
        if question is not None and question.open and transaction.state.end is None:
            actions.cancel(transaction, question, agent_responder(question.agent))

    # Settling -------------------------------------------------------------------------------------------------------------

    def mark_unattended(self, transaction: Transaction) -> None:
        """Nobody is there any more: every person who was asked is taken off, and every role."""
        for question in list(transaction.state.questions.values()):
            groups = (Responder(kind="human", id=group_id(one.name), name=one.name) for one in question.groups)
            for person in (*question.humans, *groups) if question.open else ():
                if person.id not in question.gone:
                    transaction.add(e.Passed(at=transaction.now, question=question.id, responder=person, gone=True))

    def process_due(self, transaction: Transaction, read_to_end: Collection[int]) -> tuple[int, ...]:
        """Settle what can be settled, and do what is due.

        Returns the questions that have expired and whose threads must first be read to their end, for replies that were in time;
        of one that nobody is known to see it must be known first that its card has not arrived.
        """
        unread = []
        for number in [one.id for one in transaction.state.questions.values() if one.open]:
            while not self._process_question(transaction, transaction.state.questions[number], number in read_to_end):
                pass
            question = transaction.state.questions[number]
            if question.open and _waits_for_sync(question, to_platform_time(question, transaction.now), number in read_to_end):
                unread.append(number)
        return tuple(unread)

    def _process_question(self, transaction: Transaction, question: Question, read: bool) -> bool:
        """Do one thing that is due; True if nothing more is, or all else waits until the thread is read."""
        now = to_platform_time(question, transaction.now)
        outcome, now_due = settlement.settle(question, now), schedule.due(question, now)
        if outcome is None and not now_due:
            return True
        if _waits_for_sync(question, now, read):
            return True
        if outcome is not None:
            transaction.add(e.QuestionSettled(at=transaction.now, question=question.id, outcome=outcome))
        elif now_due.start_fallback:
            self._start_fallback(transaction, question, settlement.fallback_reason(question))
        elif now_due.wake:
            transaction.add(e.Woken(at=transaction.now, question=question.id, people=now_due.wake))
        elif now_due.remind:
            asleep = self._quiet_hours.quiet_among(self._waiting(question), transaction.now)
            transaction.add(e.Reminded(at=transaction.now, question=question.id, asleep=tuple(asleep)))
        else:
            self._factory.escalate(transaction, question)
        return not transaction.state.questions[question.id].open

    def _waiting(self, question: Question) -> tuple[Mentioned, ...]:
        known = ((one, question.author(one.id)) for one in people_to_remind(question))
        return tuple(Mentioned(who=one, author=author) for one, author in known if author)

    def _start_fallback(self, transaction: Transaction, question: Question, why: str) -> None:
        """Let the next fallback decide, or begin."""
        fallen = settlement.begin_fallback(question, to_platform_time(question, transaction.now), why)
        if isinstance(fallen, Outcome):
            transaction.add(e.QuestionSettled(at=transaction.now, question=question.id, outcome=fallen))
        else:
            transaction.add(e.FallbackBegan(at=transaction.now, question=question.id, stage=fallen))


def _waits_for_sync(question: Question, now: float, read: bool) -> bool:
    """Whether something was perhaps said in time that nobody has heard yet: a fallback waits until that is known."""
    if read or not schedule.due(question, now).expired:
        return False
    outcome = settlement.settle(question, now)
    return schedule.due(question, now).start_fallback if outcome is None else outcome.status == "fallen_back"
