"""Conversations that are too long for their model: what is left out, what stays, and that the agent is told."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.errors import ContextTooLong
from orchestrator_bridge.model.interface import ProviderState, Request, Response
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.decide import CallModel
from orchestrator_bridge.run.prompts import segments
from orchestrator_bridge.run.requests import fit_request, make_request
from tests.support.run_simulator import RunSimulator, answer, ask, team, vote

OLD, NEW, TASK = "An old answer. " * 200, "A new answer. " * 200, "The task. " * 100


def shown(request: Request) -> str:
    """All that a request shows, tool uses included."""
    calls = (call.arguments for message in request.messages for call in message.tool_calls)
    return "\n".join([*(message.text for message in request.messages), *calls])


def longer_than(characters: int) -> Callable[[Request], int]:
    return lambda request: max(0, len(shown(request)) - characters)


def simulator() -> RunSimulator:
    """Two agents; `one` has answered twice, asked a person, and was given guidance; `two` has answered once."""
    simulator = RunSimulator(team(2), task=TASK)
    simulator.says("one", ask("Blue or red?"))
    simulator.post_question(1)
    simulator.replies(1, "blue, please")
    simulator.says("two", answer(NEW))
    simulator.says("one", answer(OLD))
    simulator.guides("Mind the gap.")
    simulator.says("two", answer(NEW + "twice"))
    simulator.says("one", answer(OLD + "twice"))
    return simulator


def call_of(agent: str, purpose: e.Purpose = "work") -> CallModel:
    return CallModel(action="look", agent=agent, purpose=purpose, attempt=1)


def test_a_conversation_that_fits_is_not_cut() -> None:
    state = simulator().state
    request, left_out = fit_request(state, call_of("one"), state.seq, longer_than(10**9))
    assert left_out == 0
    assert request == make_request(state, call_of("one"), state.seq)


def test_replaced_answers_are_left_out_first_with_a_notice() -> None:
    state = simulator().state
    whole = len(shown(make_request(state, call_of("one"), state.seq)))
    request, left_out = fit_request(state, call_of("one"), state.seq, longer_than(whole - 500))
    assert left_out == 1
    assert "(left out: 2,800 characters) />" in shown(request)
    assert NEW + "twice" in shown(request)
    assert request.messages[-1].text == (
        "This conversation is longer than your model takes: one piece of it is not shown, or marked as left out."
    )


def test_task_guidance_outcomes_and_the_newest_answer_always_stay() -> None:
    state = simulator().state
    for agent in ("one", "two"):
        for purpose in ("work", "final"):
            request, left_out = fit_request(state, call_of(agent, purpose), state.seq, longer_than(0))
            text = shown(request)
            assert left_out == len(segments(state, state.agents[agent], purpose, state.seq)) > 0
            assert TASK.strip() in text
            assert "Mind the gap." in text
            assert "blue, please" in text or agent == "two"
            assert OLD + "twice" in text


@given(st.integers(min_value=0, max_value=20_000))
def test_no_more_is_left_out_than_is_needed(room: int) -> None:
    state = simulator().state
    request, left_out = fit_request(state, call_of("one"), state.seq, longer_than(room))
    order = segments(state, state.agents["one"], "work", state.seq)
    if left_out < len(order):
        assert len(shown(request)) <= room
    if left_out > 1:
        less = make_request(state, call_of("one"), state.seq, frozenset(order[: left_out - 1]))
        assert len(shown(less)) + len(request.messages[-1].text) + 1 > room


def test_every_tool_use_still_has_its_result() -> None:
    state = simulator().state
    request, _ = fit_request(state, call_of("one"), state.seq, longer_than(0))
    uses = [call.id for message in request.messages for call in message.tool_calls]
    assert uses == [message.tool_call for message in request.messages if message.role == "tool"]


def test_reasoning_of_earlier_turns_is_left_out_before_anything_else() -> None:
    thinking = RunSimulator(team(1), task=TASK)
    for question in ("First?", "Second?"):
        kept = ProviderState(maker="m", message={"reasoning_content": question})
        landed = Response(tool_calls=(ask(question, wait=False),), kept=kept)
        thinking.deliver(inputs.CallFinished(action=thinking.calls_under_way["one"], consumed=(), result=landed))
    state = thinking.state
    assert segments(state, state.agents["one"], "work", state.seq)[0] == ("thoughts", 0)
    request, _ = fit_request(
        state, call_of("one"), state.seq, lambda request: sum(message.kept is not None for message in request.messages) - 1
    )
    assert [message.kept is not None for message in request.messages if message.role == "assistant"] == [False, True]


def test_the_log_says_how_much_a_call_did_not_show() -> None:
    long = simulator()
    long.exceeds = longer_than(9000)
    long.says("two", vote("agent1"))
    started = [event for event in long.events if isinstance(event, e.CallStarted)]
    assert started[-1].left_out > 0


def test_a_prompt_that_the_provider_found_too_long_is_cut_and_sent_again() -> None:
    long = simulator()
    before = len(long.prompt("two"))
    long.exceeds = longer_than(9000)
    error = ContextTooLong("too long", retry_after=0.0)
    long.deliver(inputs.CallFinished(action=long.calls_under_way["two"], consumed=(), result=error))
    long.passes(1.0)
    assert len(long.prompt("two")) < before


def test_a_prompt_that_cannot_be_cut_ends_the_agents_work_with_the_reason() -> None:
    alone = RunSimulator(team(1), task=TASK)
    alone.deliver(inputs.CallFinished(action=alone.calls_under_way["one"], consumed=(), result=ContextTooLong("far too long")))
    assert alone.state.end is not None
    assert "far too long" in alone.state.end.text
