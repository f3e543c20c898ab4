"""Runs that are made of the questions of an agent outside."""

from __future__ import annotations

from typing import Any

from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import FallbackStep, Limits, Policy
from tests.support.run_simulator import RunSimulator, team


def asks(question: str = "Which branch?", number: int = 1, **more: Any) -> inputs.ExternalQuestion:
    return inputs.ExternalQuestion(action=f"guest:coder:{number}", ask=Ask(question=question, assumption="I take main.", **more))


def result(simulator: RunSimulator, number: int = 1) -> str | None:
    """What came back for what the agent asked."""
    (use,) = (use for turn in simulator.state.agents["coder"].turns for use in turn.uses if use.id == f"guest:coder:{number}")
    return use.result


def test_its_question_is_posted_in_the_channel_with_agent_and_token() -> None:
    simulator = RunSimulator(team(2), external=asks())
    (card,) = (post.post for post in simulator.posts())
    assert isinstance(card, QuestionCard)
    assert (card.agent, card.text) == ("coder (external agent, token laptop)", "Which branch?")


def test_nobody_is_called_for_it_and_there_is_no_card_of_the_run() -> None:
    simulator = RunSimulator(team(2), external=asks())
    assert simulator.calls_under_way == {}
    simulator.post_question(1)
    simulator.replies(1, "main")
    assert {post.post.kind for post in simulator.posts()} == {"question_card", "receipt"}
    assert all(post.question == 1 for post in simulator.posts())


def test_the_answer_comes_back_and_the_run_ends_with_its_last_question() -> None:
    simulator = RunSimulator(team(2), external=asks())
    simulator.post_question(1)
    simulator.deliver(asks("Which remote?", 2))
    simulator.post_question(2)
    simulator.replies(1, "main")
    assert simulator.state.end is None
    assert '"decision": "main"' in (result(simulator) or "")
    simulator.replies(2, "origin")
    assert simulator.state.end is not None
    assert "Question 2 (Which remote?): Answered by Ana: origin" in simulator.state.end.text


def test_the_same_question_joins_the_open_one_and_tells_the_thread_nothing() -> None:
    simulator = RunSimulator(team(2), external=asks())
    simulator.post_question(1)
    before = len(simulator.posts())
    simulator.deliver(asks("which branch", 2))
    assert len(simulator.state.questions) == 1
    assert len(simulator.posts()) == before
    simulator.replies(1, "main")
    assert '"decision": "main"' in (result(simulator, 2) or "")


def test_agents_of_the_team_answer_it_by_a_side_call_each() -> None:
    simulator = RunSimulator(team(2), external=asks(to=("agents",)))
    simulator.post_question(1)
    assert sorted(simulator.calls_under_way) == ["peer:1:one", "peer:1:two"]
    assert "coder, an agent from outside your team, asks" in simulator.seen_requests["peer:1:one"][-1].text
    simulator.says("peer:1:one", text="main")
    simulator.says("peer:1:two", text="main")
    assert simulator.state.end is not None
    assert '"decided_by": "agent"' in (result(simulator) or "")


def test_a_judge_without_a_model_of_its_own_is_the_teams_first() -> None:
    chain = (FallbackStep(use="judge"), FallbackStep(use="assume"))
    simulator = RunSimulator(team(2, policy=Policy(expire_after=60, fallback=chain)), external=asks())
    simulator.post_question(1)
    simulator.passes(70)
    assert [call.model for call in simulator.state.calls.values()] == ["test/model"]


def test_a_question_that_is_refused_ends_the_run_and_says_why() -> None:
    simulator = RunSimulator(team(2), external=asks("What is the password of the database?"))
    assert simulator.state.questions == {}
    assert (result(simulator) or "").startswith("Not asked: this asks for 'password'")
    assert simulator.state.end is not None


def test_questions_that_are_refused_do_not_retire_it() -> None:
    simulator = RunSimulator(team(2), external=asks())
    for number in range(2, 7):
        simulator.deliver(asks(f"Who? {number}", number, to=("@nobody",)))
    assert simulator.state.agents["coder"].retired is None
    assert "There is nobody called '@nobody'" in (result(simulator, 6) or "")


def test_the_teams_limits_apply_to_its_open_questions_but_not_to_its_total() -> None:
    limits = Limits(per_agent=1, per_run=1, open_per_agent=2, open_per_person=9)
    simulator = RunSimulator(team(1, limits=limits), external=asks())
    simulator.deliver(asks("Second?", 2), asks("Third?", 3))
    assert len(simulator.state.questions) == 2
    assert "you have 2 open questions" in (result(simulator, 3) or "")


def test_the_agent_can_close_its_question() -> None:
    simulator = RunSimulator(team(1), external=asks())
    simulator.post_question(1)
    simulator.deliver(inputs.ExternalCancel(question=1))
    outcome = simulator.state.questions[1].outcome
    assert outcome is not None
    assert (outcome.status, outcome.why) == ("cancelled", "coder closed the question")
    assert simulator.state.end is not None


def test_a_late_reply_is_kept_for_it() -> None:
    simulator = RunSimulator(team(1, policy=Policy(expire_after=60)), external=asks())
    simulator.post_question(1)
    simulator.passes(70)
    assert simulator.state.end is not None
    simulator.replies(1, "main, after all")
    assert "coder gets it when it checks the question again." in str(simulator.posts()[-1].post)
    assert [event.text for event in simulator.events if event.event == "replied"] == ["main, after all"]


def test_the_fallback_fail_is_reported_and_leaves_its_other_questions_open() -> None:
    simulator = RunSimulator(team(1, policy=Policy(expire_after=60, fallback=("fail",))), external=asks())
    simulator.post_question(1)
    simulator.passes(30)
    simulator.deliver(asks("Second?", 2))
    simulator.post_question(2)
    simulator.passes(40)
    assert simulator.state.questions[2].open
    assert '"decided_by": "fallback:fail"' in (result(simulator) or "")


def test_a_reached_bound_does_not_discard_a_persons_answer() -> None:
    simulator = RunSimulator(team(2, calls=1), external=asks(to=("humans", "agents")))
    simulator.post_question(1)
    simulator.says("peer:1:one", text="main")
    assert simulator.state.bound == "calls"
    simulator.replies(1, "main")
    assert '"decided_by": "human"' in (result(simulator) or "")


def test_it_folds_to_the_same_from_its_log() -> None:
    simulator = RunSimulator(team(2), external=asks(), directory=Directory())
    simulator.post_question(1)
    simulator.deliver(asks("Second?", 2))
    assert fold(simulator.events) == simulator.state
