"""Questions of a run as changes to its transaction: asking, due actions, settling.

The rules are pure functions of one question: `settlement.settle` for its end, `schedule.due` for what is due before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal

from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.question import schedule, settlement
from orchestrator_bridge.question.decisions import Recollection
from orchestrator_bridge.question.model import Delivery, Outcome, Question, to_platform_time
from orchestrator_bridge.question.quorum import group_id, nobody_can_answer, people_decide, people_to_remind
from orchestrator_bridge.question.system_questions import ASKER, budget_policy, budget_question
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import AskQuestion
from orchestrator_bridge.run.inputs import PeopleAbsent
from orchestrator_bridge.run.presentation.posts import newest_key
from orchestrator_bridge.run.questions import actions
from orchestrator_bridge.run.questions.asking import NOTHING_RECALLED, QuestionFactory
from orchestrator_bridge.run.questions.availability import OpenQuestionIndex, QuestionQuota, QuietHoursPolicy
from orchestrator_bridge.run.questions.responses import ResponseHandler
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import RunState, ToolUse, agent_responder
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.budgets import BudgetStatus
from orchestrator_bridge.team.directory import Audience, Directory, Mentioned, Responder, UnknownName


class QuestionService:
    """Asks and settles the questions of runs; `responses` handles what people do.

    `no_human_reachable` returns True if no person can reply to a run any more, such as at the end of a pipe's input.
    """

    def __init__(
        self,
        directory: Directory,
        next_number: Callable[[], int],
        no_human_reachable: Callable[[RunState], bool],
        open_questions: OpenQuestionIndex | None = None,
    ) -> None:
        self._directory = directory
        self._quiet_hours = QuietHoursPolicy(directory)
        quota = QuestionQuota(open_questions or OpenQuestionIndex())
        self._factory = QuestionFactory(directory=directory, quiet_hours=self._quiet_hours, next_number=next_number, quota=quota)
        self._no_human_reachable = no_human_reachable
        self.responses = ResponseHandler(directory=directory, quiet_hours=self._quiet_hours, questions=self._factory)

    def ask(self, transaction: Transaction, action: AskQuestion, recalled: Recollection = NOTHING_RECALLED) -> None:
        """Ask a question, or tell the agent why it is not asked. `recalled`: what was decided before."""
        self._factory.ask(transaction, action, recalled)
        # Without this, a question at the end of a pipe's input would wait for its deadline with nobody there to answer.
        if self._no_human_reachable(transaction.state):
            self.mark_unattended(transaction)

    def request_approval(self, transaction: Transaction, use: ToolUse) -> None:
        """Ask people if an agent may use a tool, or refuse the use where nobody can be asked."""
        self._factory.request_approval(transaction, use)
        if self._no_human_reachable(transaction.state):
            self.mark_unattended(transaction)

    def ask_for_more(self, transaction: Transaction, short: BudgetStatus, price: Decimal | None) -> None:
        """Ask the responsible people for more money, for a call that may cost `price` US dollars and exceeds a budget."""
        state, ask = transaction.state, budget_question(short, price)
        try:
            to, now = state.team.responsible, transaction.now
            audience = self._directory.audience(to, place=state.place, by=state.by, agents=(), now=now)
        except UnknownName:  # the team file has changed since the run began
            audience = Audience()
        question = Question(
            id=self._factory.next_number(),
            run=state.run,
            agent=ASKER,
            action=f"more:{state.seq}",
            ask=ask,
            policy=budget_policy(state.team.policy),
            asked=tuple(person.who for person in audience.people),
            groups=audience.groups,
            authors={person.who.id: person.author for person in audience.people},
            asked_at=transaction.now,
        )
        transaction.add(e.MoreAsked(at=transaction.now, budget=short.budget, limit=short.limit, question=question))
        if self._no_human_reachable(transaction.state):
            self.mark_unattended(transaction)

    def question_delivered(
        self, transaction: Transaction, outgoing: OutboxEntry, posted: PostedMessage, noted_at: float, url: str = ""
    ) -> None:
        """Record that a question's card, or one person's copy of it, is posted."""
        place = replace(outgoing.place, thread=posted.thread)
        delivery = Delivery(place=place, message=posted.message, posted_at=posted.at, noted_at=noted_at, url=url)
        transaction.add(e.QuestionPosted(at=transaction.now, question=outgoing.question or 0, delivery=delivery))

    def question_undeliverable(self, transaction: Transaction, outgoing: OutboxEntry, why: str) -> None:
        """Start the fallback of a question whose card cannot be posted, if people were to decide it."""
        question = transaction.state.questions.get(outgoing.question or 0)
        # A copy that cannot be posted, or an older card, is no loss: the newest card in the channel is what people answer.
        if question is None or outgoing.key != newest_key(question):
            return
        if question.open and question.stage is None and people_decide(question):
            self._start_fallback(transaction, question, f"it could not be posted: {why}")

    def cancel(self, transaction: Transaction, number: int) -> None:
        """Close a question at the request of the external agent that asked it."""
        question = transaction.state.questions.get(number)
        if question is not None and question.open and transaction.state.end is None:
            actions.cancel(transaction, question, agent_responder(question.agent))

    def mark_unattended(self, transaction: Transaction) -> None:
        """Take all people and roles off the open questions, since nobody can reply any more."""
        for question in list(transaction.state.questions.values()):
            roles = (Responder(kind="human", id=group_id(group.name), name=group.name) for group in question.groups)
            for person in (*question.humans, *roles) if question.open else ():
                if person.id not in question.gone:
                    transaction.add(e.Passed(at=transaction.now, question=question.id, responder=person, gone=True))

    def people_absent(self, transaction: Transaction, absent: PeopleAbsent) -> None:
        """Take people who are gone off a question. If nobody is left who could answer, the next people are asked at once."""
        question = transaction.state.questions.get(absent.question)
        if question is None or not question.open or transaction.state.end is not None:
            return
        known = {person.id: person for person in question.humans}
        for id_, why in absent.people:
            if id_ in known and id_ not in question.gone:
                event = e.Passed(at=transaction.now, question=question.id, responder=known[id_], gone=True, why=why)
                transaction.add(event)
        while _needs_somebody(question := transaction.state.questions[question.id]):
            self._factory.escalate(transaction, question)

    def process_due(self, transaction: Transaction, read_to_end: Collection[int]) -> tuple[int, ...]:
        """Settle every question that can be settled, and do what is due on the others.

        Returns the expired questions whose threads must be read to their end first: a reply that a person wrote in time may not
        have arrived yet, and a fallback must not overrule it. Where no card is known to be posted, that is found out first.
        """
        unread = []
        for number in [question.id for question in transaction.state.questions.values() if question.open]:
            read = number in read_to_end
            while self._process_question(transaction, transaction.state.questions[number], read):
                pass
            question = transaction.state.questions[number]
            if question.open and _waits_for_sync(question, to_platform_time(question, transaction.now), read):
                unread.append(number)
        return tuple(unread)

    def _process_question(self, transaction: Transaction, question: Question, read: bool) -> bool:
        """Do one thing that is due. False if nothing more is due now, or all else waits until the thread is read."""
        now = to_platform_time(question, transaction.now)
        outcome, now_due = settlement.settle(question, now), schedule.due(question, now)
        if (outcome is None and not now_due) or _waits_for_sync(question, now, read):
            return False
        # One thing at a time, in the order of importance: each changes what is due next.
        if outcome is not None:
            actions.settle(transaction, question, outcome)
        elif now_due.start_fallback:
            self._start_fallback(transaction, question, settlement.fallback_reason(question))
        elif now_due.wake:
            transaction.add(e.Woken(at=transaction.now, question=question.id, people=now_due.wake))
        elif now_due.remind:
            known = ((person, question.author(person.id)) for person in people_to_remind(question))
            waiting = tuple(Mentioned(who=person, author=author) for person, author in known if author)
            asleep = self._quiet_hours.quiet_among(waiting, transaction.now)
            transaction.add(e.Reminded(at=transaction.now, question=question.id, asleep=tuple(asleep)))
        else:
            self._factory.escalate(transaction, question)
        return transaction.state.questions[question.id].open

    def _start_fallback(self, transaction: Transaction, question: Question, why: str) -> None:
        """Settle the question by its next fallback, or begin one that takes time."""
        fallback = settlement.begin_fallback(question, to_platform_time(question, transaction.now), why)
        if isinstance(fallback, Outcome):
            actions.settle(transaction, question, fallback)
        else:
            transaction.add(e.FallbackBegan(at=transaction.now, question=question.id, stage=fallback))


def _needs_somebody(question: Question) -> bool:
    """True if nobody who was asked can answer any more, and the policy names further people."""
    can_escalate = question.stage is None and question.escalated < len(question.policy.escalate)
    return can_escalate and nobody_can_answer(question)


def _waits_for_sync(question: Question, now: float, read: bool) -> bool:
    """True if a fallback has to wait until the thread is read, since an unread reply may have come in time."""
    if read or not schedule.due(question, now).expired:
        return False
    outcome = settlement.settle(question, now)
    return schedule.due(question, now).start_fallback if outcome is None else outcome.status == "fallen_back"
