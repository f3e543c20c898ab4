"""Runs that are made of the questions of an agent outside."""

from __future__ import annotations

from typing import Any

from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import FallbackStep, Limits, Policy
from tests.support.run_simulator import Table, team


def asks(question: str = "Which branch?", number: int = 1, **more: Any) -> inputs.ExternalQuestion:
    return inputs.ExternalQuestion(action=f"guest:coder:{number}", ask=Ask(question=question, assumption="I take main.", **more))


def result(table: Table, number: int = 1) -> str | None:
    """What came back for what the agent asked."""
    (use,) = (use for turn in table.state.agents["coder"].turns for use in turn.uses if use.id == f"guest:coder:{number}")
    return use.result


def test_its_question_stands_in_the_channel_and_says_which_agent_of_which_token_asks() -> None:
    table = Table(team(2), guest=asks())
    (card,) = (post.post for post in table.posts())
    assert isinstance(card, QuestionCard)
    assert (card.agent, card.text) == ("coder (external agent, token laptop)", "Which branch?")


def test_nobody_is_called_for_it_and_there_is_no_card_of_the_run() -> None:
    table = Table(team(2), guest=asks())
    assert table.out == {}
    table.posts_question(1)
    table.replies(1, "main")
    assert {post.post.kind for post in table.posts()} == {"question_card", "receipt"}
    assert all(post.question == 1 for post in table.posts())


def test_the_answer_comes_back_and_the_run_ends_with_its_last_question() -> None:
    table = Table(team(2), guest=asks())
    table.posts_question(1)
    table.go_on(asks("Which remote?", 2))
    table.posts_question(2)
    table.replies(1, "main")
    assert table.state.end is None
    assert '"decision": "main"' in (result(table) or "")
    table.replies(2, "origin")
    assert table.state.end is not None
    assert "Question 2 (Which remote?): Answered by Ana: origin" in table.state.end.text


def test_the_same_question_joins_the_open_one_and_tells_the_thread_nothing() -> None:
    table = Table(team(2), guest=asks())
    table.posts_question(1)
    before = len(table.posts())
    table.go_on(asks("which branch", 2))
    assert len(table.state.questions) == 1
    assert len(table.posts()) == before
    table.replies(1, "main")
    assert '"decision": "main"' in (result(table, 2) or "")


def test_agents_of_the_team_answer_it_by_a_side_call_each() -> None:
    table = Table(team(2), guest=asks(to=("agents",)))
    table.posts_question(1)
    assert sorted(table.out) == ["peer:1:one", "peer:1:two"]
    assert "coder, an agent from outside your team, asks" in table.seen_requests["peer:1:one"][-1].text
    table.says("peer:1:one", text="main")
    table.says("peer:1:two", text="main")
    assert table.state.end is not None
    assert '"decided_by": "agent"' in (result(table) or "")


def test_a_judge_without_a_model_of_its_own_is_the_teams_first() -> None:
    chain = (FallbackStep(use="judge"), FallbackStep(use="assume"))
    table = Table(team(2, policy=Policy(expire_after=60, fallback=chain)), guest=asks())
    table.posts_question(1)
    table.passes(70)
    assert [call.model for call in table.state.calls.values()] == ["test/model"]


def test_a_question_that_is_refused_ends_the_run_and_says_why() -> None:
    table = Table(team(2), guest=asks("What is the password of the database?"))
    assert table.state.questions == {}
    assert (result(table) or "").startswith("Not asked: this asks for 'password'")
    assert table.state.end is not None


def test_questions_that_are_refused_do_not_retire_it() -> None:
    table = Table(team(2), guest=asks())
    for number in range(2, 7):
        table.go_on(asks(f"Who? {number}", number, to=("@nobody",)))
    assert table.state.agents["coder"].retired is None
    assert "There is nobody called '@nobody'" in (result(table, 6) or "")


def test_how_much_it_asks_in_all_is_no_matter_of_the_teams_limits_but_how_much_is_open_is() -> None:
    limits = Limits(per_agent=1, per_run=1, open_per_agent=2, open_per_person=9)
    table = Table(team(1, limits=limits), guest=asks())
    table.go_on(asks("Second?", 2), asks("Third?", 3))
    assert len(table.state.questions) == 2
    assert "you have 2 open questions" in (result(table, 3) or "")


def test_the_agent_can_close_its_question() -> None:
    table = Table(team(1), guest=asks())
    table.posts_question(1)
    table.go_on(inputs.ExternalCancel(question=1))
    outcome = table.state.questions[1].outcome
    assert outcome is not None
    assert (outcome.status, outcome.why) == ("cancelled", "coder closed the question")
    assert table.state.end is not None


def test_what_people_say_later_is_kept_for_it() -> None:
    table = Table(team(1, policy=Policy(expire_after=60)), guest=asks())
    table.posts_question(1)
    table.passes(70)
    assert table.state.end is not None
    table.replies(1, "main, after all")
    assert "coder gets it when it checks the question again." in str(table.posts()[-1].post)
    assert [event.text for event in table.events if event.event == "replied"] == ["main, after all"]


def test_silence_with_the_fallback_fail_is_told_and_leaves_its_other_questions_alone() -> None:
    table = Table(team(1, policy=Policy(expire_after=60, fallback=("fail",))), guest=asks())
    table.posts_question(1)
    table.passes(30)
    table.go_on(asks("Second?", 2))
    table.posts_question(2)
    table.passes(40)
    assert table.state.questions[2].open
    assert '"decided_by": "fallback:fail"' in (result(table) or "")


def test_a_bound_that_is_reached_keeps_people_s_answer_out_of_nothing() -> None:
    table = Table(team(2, calls=1), guest=asks(to=("humans", "agents")))
    table.posts_question(1)
    table.says("peer:1:one", text="main")
    assert table.state.bound == "calls"
    table.replies(1, "main")
    assert '"decided_by": "human"' in (result(table) or "")


def test_it_folds_to_the_same_from_its_log() -> None:
    table = Table(team(2), guest=asks(), directory=Directory())
    table.posts_question(1)
    table.go_on(asks("Second?", 2))
    assert fold(table.events) == table.state
