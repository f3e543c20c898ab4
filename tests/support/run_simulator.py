"""Simulator of one run: tests answer its calls one by one and set the time, and every input goes through the real `step`.

It does what the engine's driver does, in the same order, without a loop, a clock or a store.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from orchestrator_bridge.chat.inbound import (
    Author,
    CommandReceived,
    ControlAction,
    ControlUsed,
    ExternalAgent,
    MessageDeleted,
    MessageReceived,
    Place,
    ThreadPosition,
)
from orchestrator_bridge.chat.outbound import PostedMessage, PrivateReply
from orchestrator_bridge.chat.thread_context import ThreadContext
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.interface import Message, Request, Response, Throttled, ToolCall, ToolSpec, Usage
from orchestrator_bridge.question.decisions import Decision, Recollection
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.conversation import Continuation
from orchestrator_bridge.run.decide import CallModel
from orchestrator_bridge.run.events import ToolEnd
from orchestrator_bridge.run.handlers import handle_input
from orchestrator_bridge.run.projection import fires_at
from orchestrator_bridge.run.questions.availability import OpenQuestionIndex
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.records import OutboxEntry, QuestionClosed, QuestionOpened, QuestionUpdated, Record
from orchestrator_bridge.run.requests import make_request
from orchestrator_bridge.run.state import Call, RunState, ServerTools
from orchestrator_bridge.run.step import next_timer, settle_immediate, step, timer_events
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.budgets import Budgets, BudgetStatus
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import AgentSpec, Bounds, Limits, Policy, Team
from orchestrator_bridge.tool.model import Tool, ToolImage

PLACE = Place(platform="test", channel="general")
ANA = Author(platform="test", id="ana", name="Ana")
NAMES = ("one", "two", "three", "four", "five", "six")


def team(
    size: int = 3,
    *,
    policy: Policy | None = None,
    limits: Limits | None = None,
    backup: str | None = None,
    on_budget: Literal["stop", "ask"] = "stop",
    **bounds: Any,
) -> Team:
    """A team of `size` agents called one, two, three …"""
    agents = tuple(AgentSpec(name=name, model="test/model", backup=backup) for name in NAMES[:size])
    return Team(agents=agents, policy=policy or Policy(), limits=limits or Limits(), bounds=Bounds(**bounds), on_budget=on_budget)


def use(name: str, **arguments: Any) -> ToolCall:
    """A tool use as a model would write it."""
    return ToolCall(id="call", name=name, arguments=json.dumps(arguments))


def answer(content: str) -> ToolCall:
    return use("new_answer", content=content)


def vote(label: str) -> ToolCall:
    return use("vote", agent_id=label, reason="it is right")


def ask(question: str = "Which one?", *, to: tuple[str, ...] = ("humans",), wait: bool = True, **more: Any) -> ToolCall:
    return use("ask_others", question=question, assumption="I take the first.", to=list(to), wait=wait, **more)


class RunSimulator:
    """One simulated run. `unattended`: nobody can reply on its platform; `external`: the first question of an external agent;
    `in_thread`: the task was given in a thread."""

    def __init__(
        self,
        run_team: Team,
        *,
        run: int = 1,
        unattended: bool = False,
        task: str = "the task",
        directory: Directory | None = None,
        ledger: UsageLedger | None = None,
        reserved: Decimal | None = None,
        by: Author = ANA,
        now: float = 1000.0,
        external: inputs.ExternalQuestion | None = None,
        in_thread: bool = False,
        continues: Continuation | None = None,
    ) -> None:
        directory = directory or Directory()
        place = replace(PLACE, platform=by.platform)
        outside = ExternalAgent(token="laptop", agent="coder", asks=True) if external else None
        thread = ThreadPosition(place=replace(place, thread="t1"), before="m99") if in_thread else None
        started = e.RunStarted(
            at=now,
            run=run,
            task=task,
            team=run_team,
            place=place,
            by=by,
            askable=directory.askable,
            outside=outside,
            thread=thread,
            continues=continues,
        )
        self.now = now
        self.by, self.place = by, place
        self.private_replies: list[PrivateReply] = []
        self.open = OpenQuestionIndex()
        self.events: list[e.Event] = []
        self.rows: list[Record] = []
        self.seen_requests: dict[str, tuple[Message, ...]] = {}
        self._numbers = iter(range(1, 1000))
        self.reserved = reserved
        self.exceeds: Callable[[Request], int] = lambda _: 0
        self.ledger = ledger or UsageLedger(Budgets())
        self.holds: Callable[[str], Throttled | None] = lambda _: None
        self.question_service = QuestionService(directory, lambda: next(self._numbers), lambda _: unattended, self.open)
        self.read_to_end: set[int] = set()
        self.remembered: tuple[Decision, ...] | None = None
        self._messages = 0
        transaction = Transaction.of_new_run(started)
        if external:
            handle_input(transaction, external, self.question_service)
        self._commit(transaction)
        self.deliver()

    def deliver(self, *run_inputs: inputs.RunInput) -> None:
        """Handle inputs, and everything that follows from them, in one transaction."""
        transaction = Transaction(self.state, self.now)
        for run_input in run_inputs:
            handle_input(transaction, run_input, self.question_service)
            settle_immediate(transaction)
        self._advance(transaction)

    def _advance(self, transaction: Transaction) -> None:
        recalled: dict[str, Recollection] | None = None if self.remembered is None else {}
        result = step(transaction, self.question_service, self, self.read_to_end, recalled)
        while result.recalls and recalled is not None:
            recalled |= {ask.action: Recollection(decisions=self.remembered or ()) for ask in result.recalls}
            result = step(transaction, self.question_service, self, self.read_to_end, recalled)
        for start in result.starts:
            self.seen_requests[start.action] = start.request.messages
        transaction.finish()
        self._commit(transaction)

    def price(self, _: Request) -> Decimal | None:
        """The price of every call, as a test sets it."""
        return self.reserved

    def tokens(self, request: Request) -> int:
        return 1000

    def excess_tokens(self, request: Request) -> int:
        """The excess of a call's prompt, as a test sets it."""
        return self.exceeds(request)

    def budget_statuses(self, place: Place, now: float, unstored: Sequence[Record]) -> Sequence[BudgetStatus]:
        """The budgets that a test sets."""
        return self.ledger.statuses(place, now, unstored)

    def reserve(self, run: int, action: str, attempt: int, place: Place, amount: Decimal) -> None:
        self.ledger.reserve((run, action, attempt), place, amount)

    def cancel(self, run: int, action: str, attempt: int) -> None:
        self.ledger.release((run, action, attempt))

    def try_acquire(self, _: int, action: str, __: Request) -> Throttled | None:
        """Admit every call that a test does not hold, by its action."""
        return self.holds(action)

    def _commit(self, transaction: Transaction) -> None:
        self.state: RunState = transaction.state
        self.events += transaction.events
        self.rows += transaction.rows
        self.ledger.record(self.place, transaction.rows)
        self.private_replies += [word for _, word in transaction.replies]
        for row in transaction.rows:
            self._count(row)

    def _count(self, row: Record) -> None:
        match row:
            case QuestionOpened():
                self.open.add(row.question, self.state.run, self.place, row.people)
            case QuestionUpdated(people=tuple(people)):
                self.open.set_audience(row.question, people)
            case QuestionClosed():
                self.open.discard(row.question)

    @property
    def calls_under_way(self) -> dict[str, str]:
        """The calls under way: action by agent, peers' side calls by their action."""
        calls = [call for call in self.state.calls.values() if call.phase == "out"]
        return {call.action if call.is_side_call else call.agent: call.action for call in calls}

    def tools(self, agent: str) -> tuple[ToolSpec, ...]:
        """The tools on offer to an agent in a call that starts now."""
        call = CallModel(action="look", agent=agent, purpose="work", attempt=1)
        return make_request(self.state, call, self.state.seq).tools

    def prompt(self, agent: str) -> str:
        """All that an agent's newest call shows, as one text."""
        return "\n".join(message.text for message in self.seen_requests[self.calls_under_way[agent]])

    def posts(self) -> list[OutboxEntry]:
        return [row for row in self.rows if isinstance(row, OutboxEntry)]

    def says(self, agent: str, *uses: ToolCall, text: str = "", tokens: int = 10, cost: Decimal | None = None) -> None:
        """Complete an agent's call with a response."""
        response = Response(text=text, tool_calls=uses, usage=Usage(input=tokens), served="test/model", cost=cost)
        self.deliver(self.call_finished(agent, response))

    def fails(self, agent: str, error: ModelError) -> None:
        self.deliver(self.call_finished(agent, error))

    def call_finished(self, agent: str, result: Response | ModelError) -> inputs.CallFinished:
        """The input that an agent's call is completed, for several inputs in one transaction."""
        return inputs.CallFinished(action=self.calls_under_way[agent], consumed=(), result=result)

    def hold_calls(self, why: str = "Test's rate limit", seconds: float = 30.0) -> None:
        """Hold all calls that start from now on."""
        self.holds = lambda _: Throttled(why=why, until=self.now + seconds)

    def release_calls(self) -> None:
        """Let calls start again, the held ones first."""
        self.holds = lambda _: None
        self.deliver(*(inputs.SlotGranted(action=call.action) for call in self.held))

    @property
    def held(self) -> list[Call]:
        """The calls that wait to be started."""
        return [call for call in self.state.calls.values() if call.phase == "held"]

    def guides(self, text: str, by: Author = ANA) -> None:
        """A person writes guidance in the run's thread."""
        self.deliver(self.guidance(text, by))

    def guidance(self, text: str, by: Author = ANA) -> inputs.MessageInThread:
        """The input that a person wrote guidance, for several inputs in one transaction."""
        return inputs.MessageInThread(message=self._message(text, by), question=None)

    def replies(self, question: int, text: str, by: Author | None = None) -> None:
        """A person types a reply, and its settle delay passes."""
        self.types(question, text, by)
        self.passes(self.state.questions[question].policy.settle_delay)

    def types(self, question: int, text: str, by: Author | None = None, mentions: tuple[Author, ...] = ()) -> None:
        """A person types a reply just now."""
        self.deliver(
            inputs.MessageInThread(message=replace(self._message(text, by or self.by), mentions=mentions), question=question)
        )

    def presses(self, question: int, press: ControlAction, value: str = "", by: Author | None = None) -> None:
        """A person uses a control of a question."""
        self._messages += 1
        clicked = ControlUsed(
            place=self.place,
            interaction=f"i{self._messages}",
            question=question,
            press=press,
            author=by or self.by,
            at=self.now,
            value=value,
        )
        self.deliver(inputs.QuestionControlUsed(used=clicked))

    def person_commands(
        self, question: int, words: str, by: Author | None = None, channel: str = "general", mentions: tuple[Author, ...] = ()
    ) -> str:
        """A person gives the command `/questions` with a number; returns the private reply."""
        self._messages += 1
        place = replace(self.place, channel=channel)
        command = CommandReceived(
            place=place,
            interaction=f"i{self._messages}",
            author=by or self.by,
            name="questions",
            text=words,
            at=self.now,
            mentions=mentions,
        )
        self.deliver(inputs.QuestionCommand(command=command, question=question, words=words))
        return self.private_replies[-1].text

    def person_deletes(self, question: int, message: str) -> None:
        """A person deletes a message."""
        self.deliver(
            inputs.MessageRetracted(deletion=MessageDeleted(place=PLACE, message=message, at=self.now), question=question)
        )

    def _message(self, text: str, by: Author = ANA) -> MessageReceived:
        self._messages += 1
        return MessageReceived(place=self.place, message=f"m{self._messages}", author=by, text=text, at=self.now)

    def post_question(self, question: int) -> None:
        """The card of a question is posted, by a platform whose clock agrees with ours."""
        posted = PostedMessage(message=f"card{question}", thread=f"thread{question}", at=self.now)
        self.deliver(inputs.QuestionDelivered(outgoing=self._card(question), posted=posted, noted_at=self.now))

    def reject_question(self, question: int, why: str = "the channel was deleted") -> None:
        """The card of a question will never be posted."""
        self.deliver(inputs.QuestionUndeliverable(outgoing=self._card(question), why=why))

    def _card(self, question: int) -> OutboxEntry:
        return next(post for post in self.posts() if post.question == question and not post.replaces and not post.anchor)

    def passes(self, seconds: float) -> None:
        """Let time pass, and handle everything that is due until then."""
        until = self.now + seconds
        while (due := self._next_time()) is not None and due <= until:
            self.now = max(self.now, due)
            self.read_to_end = {question.id for question in self.state.questions.values()}
            transaction = Transaction(self.state, self.now)
            for event in timer_events(transaction.state, self.now):
                transaction.add(event)
            self._advance(transaction)
        self.now = until
        self.read_to_end = {question.id for question in self.state.questions.values()}
        self.deliver()

    def _next_time(self) -> float | None:
        """The next time at which a timer or a question is due."""
        timer = next_timer(self.state)
        questions = (fires_at(question) for question in self.state.questions.values())
        due = [at for at in questions if self.now < at < math.inf]
        return min(due if timer is None else (timer, *due), default=None)

    def reads(self, context: ThreadContext) -> None:
        """The thread of the task was read."""
        self.deliver(inputs.ContextRead(context=context))

    def lists(self, *tools: Tool, server: str = "files", trouble: str = "") -> None:
        """A tool server lists its tools."""
        self.deliver(inputs.ToolListReceived(server=server, offer=ServerTools(tools=tools, trouble=trouble)))

    def returns(self, text: str = "done", *, end: ToolEnd = "done", images: tuple[ToolImage, ...] = ()) -> None:
        """Complete the tool call that has been under way for longest."""
        use = next(use for use in self.state.uses.values() if use.phase == "out")
        self.deliver(inputs.ToolFinished(action=use.use, end=end, text=text, images=images))

    def restart(self) -> None:
        """The process is killed and started again."""
        self.deliver(inputs.ProcessRestarted())
