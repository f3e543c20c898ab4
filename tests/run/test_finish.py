"""A person wants the answer now: the best answer so far ends the run; without any, each agent gets one last call."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, QuestionCard, RunCard
from orchestrator_bridge.model.errors import InvalidApiKey
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.tool.model import Tool
from tests.support.run_simulator import ANA, RunSimulator, answer, ask, team, use, vote

FINISH = inputs.FinishRun(by=ANA, key="wish", message="m1")
WRITE = Tool(server="files", name="write", description="Write.", schema={"type": "object"})


def how(simulator: RunSimulator) -> tuple[str, str, str]:
    """How the run ended: status, text, and the sentence on it."""
    assert simulator.state.end is not None
    return simulator.state.end.status, simulator.state.end.text, simulator.state.end.how


def test_the_answer_with_the_most_votes_so_far_ends_the_run() -> None:
    simulator = RunSimulator(team(3))
    for name in ("one", "two", "three"):
        simulator.says(name, answer(f"by {name}"))
    simulator.says("one", vote("B"))
    simulator.deliver(FINISH)
    assert how(simulator) == ("finished", "by two", "Finished early by Ana: the best answer so far, 1 of 1 votes.")
    assert not simulator.calls_under_way
    card = simulator.posts()[-1].post
    assert isinstance(card, RunCard)
    assert (card.status, card.ended) == ("finished early by Ana", True)
    assert [post.post.how for post in simulator.posts() if isinstance(post.post, FinalAnswer)] == [how(simulator)[2]]


def test_a_final_text_under_way_is_awaited() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    simulator.deliver(FINISH)
    assert simulator.calls_under_way == {"one": "final:1"}
    simulator.says("one", text="The final text.")
    assert how(simulator) == ("finished", "The final text.", "Won the vote, 2 of 2 votes.")


def test_an_agent_that_waits_for_people_gets_one_last_call_and_the_people_asked_read_why_the_question_ended() -> None:
    simulator = RunSimulator(team(1))
    simulator.says("one", ask("Which?"))
    simulator.post_question(1)
    simulator.deliver(FINISH)
    assert [post.post.text for post in simulator.posts() if isinstance(post.post, Note)] == [
        "Ana wants the answer now. There is none yet, so each agent gets one last call for it."
    ]
    closed = [post.post.closed for post in simulator.posts() if isinstance(post.post, QuestionCard) and post.post.closed]
    assert closed == ["Cancelled: Ana wanted the answer now"]
    assert "Ana wants the answer now. Give it with new_answer" in simulator.prompt("one")
    simulator.says("one", answer("The first one, I assume."))
    assert how(simulator)[0] == "finished"
    assert simulator.state.spent.calls == 2


def test_the_first_answer_of_the_last_calls_ends_the_run() -> None:
    simulator = RunSimulator(team(3))
    simulator.says("one", ask("Which?"))
    simulator.deliver(FINISH)
    assert set(simulator.calls_under_way) == {"one", "two", "three"}
    simulator.says("three", answer("This one."))
    assert how(simulator) == ("finished", "This one.", "Finished early by Ana: the best answer so far, not voted on.")


def test_a_run_without_any_answer_after_the_last_calls_has_failed() -> None:
    simulator = RunSimulator(team(2))
    simulator.deliver(FINISH)
    for _ in range(2):  # calls under way did not know of the wish, so each agent gets one that does
        simulator.says("one", ask("Which?"))
        simulator.says("two", ask("Which?"))
    assert how(simulator)[:2] == ("failed", "Ana finished the run before there was any answer.")
    assert simulator.state.spent.calls == 4
    assert not simulator.state.questions


def test_a_run_whose_agents_cannot_be_called_has_failed() -> None:
    simulator = RunSimulator(team(1))
    simulator.deliver(FINISH)
    simulator.fails("one", InvalidApiKey("The key is wrong."))
    assert how(simulator)[0] == "failed"


def test_tool_uses_and_approvals_are_ended_with_the_reason() -> None:
    simulator = RunSimulator(team(2).model_copy(update={"tools": ("files",)}))
    simulator.lists(WRITE)
    simulator.says("one", use("files__write", path="a"))
    simulator.says("two", use("files__write", path="b"))
    simulator.post_question(1)
    simulator.presses(1, "option", "approve")
    simulator.deliver(FINISH)
    assert not simulator.state.uses
    assert "This call was broken off" in simulator.prompt("one")
    assert all(not question.open for question in simulator.state.questions.values())
    simulator.says("two", use("files__write", path="c"))
    assert "Not called: Ana wanted the answer now." in [use.result for use in simulator.state.agents["two"].turns[-1].uses]
    simulator.says("one", answer("Half written."))
    assert how(simulator)[0] == "finished"


def test_a_pause_for_a_larger_budget_ends_and_what_is_left_of_the_budget_bounds_the_last_calls() -> None:
    simulator = RunSimulator(team(1, on_budget="ask", money="0.10"), reserved=Decimal("0.20"))
    assert simulator.state.pause is not None
    simulator.deliver(FINISH)
    assert how(simulator)[:2] == ("failed", "Ana finished the run before there was any answer.")


def test_a_second_wish_changes_nothing_and_one_after_the_end_is_late() -> None:
    simulator = RunSimulator(team(1))
    simulator.deliver(FINISH)
    simulator.deliver(inputs.FinishRun(by=ANA, key="again", message="m2"))
    simulator.says("one", answer("Done."))
    simulator.deliver(inputs.FinishRun(by=ANA, key="late", message="m3"))
    assert sum(isinstance(event, e.FinishAsked) for event in simulator.events) == 1
    signs = [post.post.sign for post in simulator.posts() if isinstance(post.post, Acknowledgement)]
    assert signs == ["taken", "taken", "late"]


def test_a_run_of_an_external_agent_ends_with_what_was_asked() -> None:
    asked = Ask(question="Which branch?", assumption="I wait.")
    first = inputs.ExternalQuestion(action="guest:coder:1", ask=asked)
    simulator = RunSimulator(team(1), external=first)
    simulator.post_question(1)
    simulator.deliver(FINISH)
    assert simulator.state.end is not None
    assert "Ana wanted the answer now" in simulator.state.end.text


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_restart_in_between_continues_to_the_same_end(restarts: int) -> None:
    simulator = RunSimulator(team(1))
    simulator.says("one", ask("Which?"))
    simulator.deliver(FINISH)
    for _ in range(restarts):
        simulator.restart()
    simulator.says("one", answer("Done."))
    assert how(simulator)[:2] == ("finished", "Done.")
    assert fold(simulator.events) == simulator.state


@given(st.data())
def test_whatever_the_agents_do_a_finished_run_ends_after_at_most_one_more_call_each(data: st.DataObject) -> None:
    simulator = RunSimulator(team(3, tries=1))
    moves = [answer("X"), ask("Which?"), ask("Else?", wait=False), vote("A"), use("nonsense")]

    def move() -> None:
        name = data.draw(st.sampled_from(sorted(simulator.calls_under_way)))
        simulator.says(name, data.draw(st.sampled_from(moves)), text="words" if name.startswith("peer") else "")

    for _ in range(data.draw(st.integers(0, 6))):
        if simulator.state.end is None and simulator.calls_under_way:
            move()
    before = simulator.state.spent.calls
    simulator.deliver(FINISH)
    for _ in range(12):
        if simulator.state.end is None:
            move()
    assert simulator.state.end is not None
    assert simulator.state.spent.calls <= before + 3
