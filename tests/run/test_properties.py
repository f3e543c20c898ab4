"""Whatever happens in whatever order, the rules of a run hold: answers, votes, questions, replies, guidance, restarts."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator_bridge.chat.inbound import Author, ControlAction
from orchestrator_bridge.model.errors import CircuitOpen, InvalidApiKey, ModelError, Overloaded, TimedOut
from orchestrator_bridge.model.interface import Message, Throttled, ToolCall
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.agent_tools import refusal_of
from orchestrator_bridge.run.decide import CallModel, WaitUntil, decide
from orchestrator_bridge.run.prompts import PENDING
from orchestrator_bridge.run.records import CallUsageRecorded, OutboxEntry, QuestionClosed
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import ToolUse
from orchestrator_bridge.run.termination import own_budget
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Escalation, FallbackStep, PersonSpec, Policy, RoleSpec
from orchestrator_bridge.tool.model import Approval, Tool
from tests.support.run_simulator import RunSimulator, answer, ask, team, use, vote

OPTIONS = [{"id": "a", "label": "Apples", "recommended": True}, {"id": "b", "label": "Pears"}]

asks = st.builds(
    ask,
    st.sampled_from(["Which?", "When?"]),
    to=st.sampled_from(
        [("humans",), ("agents",), ("humans", "agents"), ("agent:two",), ("@ben", "@ana"), ("role:oncall",), ("@nobody",)]
    ),
    wait=st.booleans(),
) | st.builds(ask, st.just("Pick one."), kind=st.just("choice"), options=st.just(OPTIONS), wait=st.booleans())
tool_uses = st.builds(
    use, st.sampled_from(["files__read", "files__write", "files__gone", "read_result"]), path=st.sampled_from(["a", "b"])
)
uses = (
    st.builds(answer, st.sampled_from(["A", "B", "C"]))
    | st.builds(vote, st.sampled_from(["A", "B", "C", "Z"]))
    | asks
    | tool_uses
    | st.just(use("nonsense"))
    | st.builds(use, st.just("decide"), decision=st.sampled_from(["Pears", "Wait."]), reason=st.just("It is ripe."))
    | st.just(ToolCall(id="call", name="vote", arguments="{no json"))
)
errors: st.SearchStrategy[ModelError] = st.sampled_from([Overloaded("busy"), TimedOut("slow"), InvalidApiKey("wrong")])
index = st.integers(0, 7)


def a_tool(name: str, approval: Approval, description: str = "It does it.") -> Tool:
    read_only = approval == "allow"
    return Tool(server="files", name=name, description=description, schema={}, read_only=read_only, approval=approval)


OFFERS: list[tuple[Tool, ...]] = [
    (),
    (a_tool("read", "allow"), a_tool("write", "ask")),
    (a_tool("read", "allow", "Otherwise."), a_tool("write", "ask", "Otherwise.")),
    (a_tool("read", "allow"), a_tool("write", "deny")),
]


ANA = Author(platform="slack", id="U1", name="Ana")
BEN = Author(platform="slack", id="U2", name="Ben")
EVE = Author(platform="slack", id="U9", name="Eve")
people = st.sampled_from([ANA, BEN, EVE])
DIRECTORY = Directory(
    {"ana": PersonSpec(ids={"slack": "U1"}), "ben": PersonSpec(ids={"slack": "U2"}, quiet="00:00-00:20", time_zone="UTC")},
    {"oncall": RoleSpec(ids={"slack": "S1"})},
)
CHAINS: list[tuple[FallbackStep, ...]] = [
    tuple(FallbackStep(use=name) for name in names)
    for names in (("default_option", "assume"), ("fail",), ("agents", "judge", "assume"), ("judge", "default_option", "fail"))
]
STEPS = (Escalation(after=50, to=("@ben",)), Escalation(after=80, to=("role:oncall", "@ana")))


class AnyOrder(RuleBasedStateMachine):
    """One run to which anything may happen."""

    @initialize(
        size=st.integers(1, 3),
        answers=st.integers(1, 2),
        calls=st.integers(4, 40),
        chain=st.sampled_from(CHAINS),
        asleep=st.sampled_from(["wait", "next", "fall_back"]),
        decider=st.sampled_from([None, "@ben"]),
        quorum=st.sampled_from(["first", "majority", "all", 2]),
        backup=st.sampled_from([None, "test/backup"]),
        on_budget=st.sampled_from(["stop", "ask"]),
        price=st.sampled_from([None, Decimal(0), Decimal("0.30")]),
        tools=st.sampled_from([(), ("files",)]),
    )
    def start(self, size: int, answers: int, calls: int, backup: str | None, price: Decimal | None, **rules: Any) -> None:
        chain, on_budget, tools = rules.pop("chain"), rules.pop("on_budget"), rules.pop("tools")
        policy = Policy(expire_after=100, remind_after=40, settle_delay=5, fallback=chain, escalate=STEPS, direct=True, **rules)
        made = team(size, policy=policy, backup=backup, on_budget=on_budget, answers=answers, calls=calls, wall=5000, money=3)
        limited = made.bounds.model_copy(update={"tool_calls": 12, "tool_calls_per_agent": 8})
        made = made.model_copy(update={"tools": tools, "bounds": limited})
        self.simulator = RunSimulator(made, directory=DIRECTORY, by=ANA, reserved=price)

    def pick(self, number: int) -> str:
        return sorted(self.simulator.calls_under_way)[number % len(self.simulator.calls_under_way)]

    @precondition(lambda self: self.simulator.calls_under_way)
    @rule(number=index, uses=st.lists(uses, max_size=3), text=st.sampled_from(["", "Some words."]))
    def a_call_lands(self, number: int, uses: list[ToolCall], text: str) -> None:
        self.simulator.says(self.pick(number), *uses, text=text)

    @precondition(lambda self: self.simulator.calls_under_way)
    @rule(number=index, error=errors)
    def a_call_fails(self, number: int, error: ModelError) -> None:
        self.simulator.fails(self.pick(number), error)

    @rule(number=index, holds=st.sampled_from(["work", "final", "peer", "judge", ""]))
    def a_limit_holds_calls(self, number: int, holds: str) -> None:
        """Calls of one kind and agent wait, or (empty) all."""
        name = self.simulator.state.team.agents[number % len(self.simulator.state.team.agents)].name
        hold = Throttled(why="a limit", until=None)
        self.simulator.holds = lambda action: hold if action.startswith(holds) and (not holds or name in action) else None
        self.simulator.deliver()

    @rule()
    def calls_are_let_in(self) -> None:
        self.simulator.release_calls()

    @precondition(lambda self: self.simulator.held)
    @rule(number=index)
    def a_held_call_fails_without_having_been_made(self, number: int) -> None:
        held = self.simulator.held
        error = CircuitOpen("It is down.", retry_after=30)
        self.simulator.deliver(inputs.CallFinished(action=held[number % len(held)].action, consumed=(), result=error))

    @precondition(lambda self: self.unposted())
    @rule(number=index)
    def a_question_is_posted(self, number: int) -> None:
        waiting = self.unposted()
        self.simulator.post_question(waiting[number % len(waiting)])

    def unposted(self) -> list[int]:
        return [
            question.id for question in self.simulator.state.questions.values() if question.delivery is None and question.open
        ]

    @precondition(lambda self: self.simulator.state.questions)
    @rule(
        number=index,
        text=st.sampled_from(
            [
                "1",
                "0",
                "yes",
                "approve",
                "approve, but later",
                "deny",
                "pears",
                "my own words, and more than three",
                "9",
                "not me",
                "give me an hour",
                "ask again",
            ]
        ),
        by=people,
        passes=st.sampled_from([0.0, 6.0]),
    )
    def a_person_replies(self, number: int, text: str, by: Author, passes: float) -> None:
        self.simulator.types(self.any_question(number), text, by)
        self.simulator.passes(passes)

    @precondition(lambda self: self.simulator.state.questions)
    @rule(number=index, by=people, to=people)
    def a_person_hands_over(self, number: int, by: Author, to: Author) -> None:
        self.simulator.types(self.any_question(number), f"@{to.name} knows", by, mentions=(to,))

    @precondition(lambda self: self.simulator.state.questions)
    @rule(number=index, by=people, words=st.sampled_from(["pass", "pass @ben", "more 1h", "cancel", "again", "2"]))
    def a_person_commands(self, number: int, by: Author, words: str) -> None:
        assert self.simulator.person_commands(self.any_question(number), words, by)

    def any_question(self, number: int) -> int:
        questions = list(self.simulator.state.questions)
        return questions[number % len(questions)]

    @precondition(lambda self: self.simulator.state.questions)
    @rule(number=index, message=st.integers(1, 5))
    def a_person_takes_something_back(self, number: int, message: int) -> None:
        questions = list(self.simulator.state.questions)
        self.simulator.person_deletes(questions[number % len(questions)], f"m{message}")

    @precondition(lambda self: self.simulator.state.questions)
    @rule(
        number=index,
        press=st.sampled_from(["option", "pass", "more", "write"]),
        value=st.sampled_from(["a", "1h", "yes", "approve", "approve_tool", "deny"]),
    )
    def a_person_presses_something(self, number: int, press: ControlAction, value: str) -> None:
        questions = list(self.simulator.state.questions)
        self.simulator.presses(questions[number % len(questions)], press, value)

    @precondition(lambda self: self.simulator.state.team.tools)
    @rule(tools=st.sampled_from(OFFERS), trouble=st.sampled_from(["", "", "files stopped unexpectedly"]))
    def a_tool_server_tells_what_it_offers(self, tools: tuple[Tool, ...], trouble: str) -> None:
        self.simulator.lists(*(() if trouble else tools), trouble=trouble)

    @precondition(lambda self: self.under_way())
    @rule(end=st.sampled_from(["done", "failed", "not_called", "unknown"]), length=st.sampled_from([4, 20_000]))
    def a_tool_returns(self, end: e.ToolEnd, length: int) -> None:
        self.simulator.returns("word" * (length // 4), end=end)

    def under_way(self) -> list[ToolUse]:
        return [use for use in self.simulator.state.uses.values() if use.phase == "out"]

    @rule(text=st.sampled_from(["Cheaper, please.", "Faster."]))
    def a_person_guides(self, text: str) -> None:
        self.simulator.guides(text)

    @rule(chance=index)
    def a_person_wants_the_answer_now(self, chance: int) -> None:
        if chance == 0:  # seldom, or most runs would end by it
            self.simulator.deliver(inputs.FinishRun(by=ANA, key="wish"))

    @rule(seconds=st.sampled_from([0.3, 2.0, 45.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        self.simulator.passes(seconds)

    @rule()
    def everybody_leaves(self) -> None:
        self.simulator.deliver(inputs.PlatformUnattended(platform="slack"))

    @rule(down=st.sampled_from([0.0, 500.0]))
    def the_process_restarts(self, down: float) -> None:
        self.simulator.state = fold(_stored(self.simulator.events))
        self.simulator.now += down
        self.simulator.restart()

    @invariant()
    def the_log_folds_to_the_state(self) -> None:
        assert fold(_stored(self.simulator.events)) == self.simulator.state

    @invariant()
    def deciding_again_changes_nothing(self) -> None:
        actions = decide(self.simulator.state)
        assert actions == decide(self.simulator.state)
        held = {call.action for call in self.simulator.held}
        assert all(
            (isinstance(action, CallModel) and (action.is_under_way or action.action in held)) or isinstance(action, WaitUntil)
            for action in actions
        )

    @invariant()
    def an_agent_does_one_thing_at_a_time(self) -> None:
        working = Counter(call.agent for call in self.simulator.state.calls.values() if not call.is_side_call)
        assert all(number == 1 for number in working.values())

    @invariant()
    def no_budget_is_overdrawn(self) -> None:
        own = own_budget(self.simulator.state)
        assert own.used <= own.limit

    @invariant()
    def nothing_new_goes_while_more_money_is_asked_for(self) -> None:
        pause = self.simulator.state.pause
        if pause is not None:
            assert self.simulator.state.questions[pause.question].open
            *_, asked = [n for n, event in enumerate(self.simulator.events) if isinstance(event, e.MoreAsked)]
            assert not any(isinstance(event, e.CallStarted) for event in self.simulator.events[asked:])

    @invariant()
    def what_is_held_has_cost_nothing(self) -> None:
        started = {(event.action, event.attempt) for event in self.simulator.events if isinstance(event, e.CallStarted)}
        booked = {(row.action, row.attempt) for row in self.simulator.rows if isinstance(row, CallUsageRecorded)}
        assert booked == started
        assert not started & {(call.action, call.attempt) for call in self.simulator.held}

    @invariant()
    def bounds_hold(self) -> None:
        state = self.simulator.state
        assert state.spent.calls <= state.team.bounds.calls
        assert all(agent.answers <= state.team.bounds.answers for agent in state.agents.values())

    @invariant()
    def what_may_do_more_than_read_is_called_once_and_only_with_approval(self) -> None:
        started = [event for event in self.simulator.events if isinstance(event, e.ToolStarted)]
        writes = [event for event in started if event.tool == "write"]
        assert all(number == 1 for number in Counter(event.action for event in writes).values())
        assert all(event.approved_by for event in writes)
        assert all(number == 1 for number in Counter(event.action for event in self.ended()).values())

    def ended(self) -> list[e.ToolReturned]:
        return [event for event in self.simulator.events if isinstance(event, e.ToolReturned)]

    @invariant()
    def no_more_people_are_asked_than_they_bear(self) -> None:
        state = self.simulator.state
        approvals = sum(question.open and question.ask.kind == "approval" for question in state.questions.values())
        assert approvals <= state.team.limits.open_per_person

    @invariant()
    def tools_are_used_within_their_limits(self) -> None:
        state = self.simulator.state
        assert sum(agent.tool_calls for agent in state.agents.values()) <= state.team.bounds.tool_calls
        assert all(agent.tool_calls <= state.team.bounds.tool_calls_per_agent for agent in state.agents.values())

    @invariant()
    def everything_happens_once(self) -> None:
        results = Counter(event.action for event in self.simulator.events if isinstance(event, e.Responded))
        closed = Counter(row.question for row in self.simulator.rows if isinstance(row, QuestionClosed))
        posts = Counter((row.key, row.version) for row in self.simulator.rows if isinstance(row, OutboxEntry))
        for counted in (results, closed, posts):
            assert all(number == 1 for number in counted.values()), counted

    @invariant()
    def what_is_reserved_is_under_way(self) -> None:
        books = {(row.action, row.attempt): row.state for row in self.simulator.rows if isinstance(row, CallUsageRecorded)}
        reserved = {call for call, state in books.items() if state == "reserved"}
        assert reserved == {(call.action, call.attempt) for call in self.simulator.state.calls.values() if call.phase == "out"}

    @invariant()
    def conversations_are_well_formed(self) -> None:
        for action, messages in self.simulator.seen_requests.items():
            assert_well_formed(messages)
            if not action.startswith("peer:"):
                assert PENDING not in [message.text for message in messages if message.role == "tool"]

    @invariant()
    def every_question_has_one_end(self) -> None:
        ends = Counter(event.question for event in self.simulator.events if isinstance(event, e.QuestionSettled))
        assert all(number == 1 for number in ends.values())
        for question in self.simulator.state.questions.values():
            assert question.open == (question.id not in ends)

    @invariant()
    def an_end_leaves_nothing_open(self) -> None:
        state = self.simulator.state
        if state.end is not None:
            assert state.end.text
            assert not state.calls
            assert not state.uses
            assert all(not question.open for question in state.questions.values())

    @invariant()
    def a_run_that_goes_on_has_something_to_wait_for(self) -> None:
        state = self.simulator.state
        if state.end is None:
            assert state.busy or any(question.open for question in state.questions.values())

    def teardown(self) -> None:
        """With agents that behave and people who are silent, every run comes to an end."""
        if not hasattr(self, "table"):
            return
        for _ in range(200):
            if self.simulator.state.end is not None:
                return
            self.behave()
        raise AssertionError("the run does not end")

    def behave(self) -> None:
        self.simulator.release_calls()
        if self.simulator.state.unlisted:
            self.simulator.lists(*OFFERS[1])
        while self.under_way():
            self.simulator.returns()
        for name in sorted(self.simulator.calls_under_way):
            if name not in self.simulator.calls_under_way:
                continue
            agent = self.simulator.state.agents.get(name)
            labels = [answer.label for answer in self.simulator.state.answers]
            if agent and not refusal_of(self.simulator.state, agent, "vote", self.simulator.state.seq):
                self.simulator.says(name, vote(labels[0]), text="Final words.")
            elif agent and not refusal_of(self.simulator.state, agent, "new_answer", self.simulator.state.seq):
                self.simulator.says(name, answer("at last"))
            else:
                self.simulator.says(name, text="Words.")
        for question in self.unposted():
            self.simulator.post_question(question)
        self.simulator.passes(50)


def _stored(events: list[e.Event]) -> list[e.Event]:
    return [e.load(e.VERSION, e.dump(event)) for event in events]


def assert_well_formed(messages: tuple[Message, ...]) -> None:
    """As providers demand: the results of an assistant's tool calls follow it at once, one each, and nothing else has any."""
    awaited: list[str] = []
    for message in messages:
        if message.role == "tool":
            assert message.tool_call == awaited.pop(0)
        else:
            assert not awaited
        if message.role == "assistant":
            assert message.text or message.tool_calls
            awaited = [call.id for call in message.tool_calls]
    assert not awaited
    assert messages[0].role == "system"


pytestmark = pytest.mark.timeout(600)
"""Seconds: many steps, which a busy machine takes long for."""

TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
