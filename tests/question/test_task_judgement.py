"""Words that are addressed to the bot: a clear task, small talk, or neither."""

from __future__ import annotations

import pytest

from orchestrator_bridge.question.parsing.task import judge_task

SMALL_TALK = (
    *("thanks!", "Thank you so much for your help", "hello", "Hi there!", "How are you doing today?", "what can you do?", "👍"),
    *(
        "never mind, I found it",
        "sorry wrong channel, ignore this",
        "lol that was funny",
        "Forget it, thanks",
        "vergiss es, danke",
    ),
    *("lol", "ok, great", "Sounds good, see you tomorrow", "danke schön", "are you there?", "Cheers, that was quick.", "...", ""),
)


@pytest.mark.parametrize("addressed", [True, False])
@pytest.mark.parametrize("text", SMALL_TALK)
def test_small_talk_is_no_task(text: str, addressed: bool) -> None:
    assert judge_task(text, addressed=addressed) == "small_talk"


@pytest.mark.parametrize(
    "text",
    ["plan the move", "Hi! Please compare SQLite and Postgres", "Thanks! Now plan the rollout.", "Könntest du den Umzug planen?"],
)
def test_a_text_that_begins_like_a_task_is_one_even_if_nobody_addressed_it(text: str) -> None:
    assert judge_task(text, addressed=False) == "task"


@pytest.mark.parametrize("text", ["the build is red since noon", "was denkt ihr über SQLite?", "I will be out tomorrow"])
def test_other_words_are_a_task_only_if_they_are_addressed(text: str) -> None:
    assert judge_task(text, addressed=True) == "task"
    assert judge_task(text, addressed=False) == "doubtful"


@pytest.mark.parametrize("text", ["thoughts?", "the weather", "why though"])
def test_a_few_words_are_doubtful(text: str) -> None:
    assert judge_task(text, addressed=True) == "doubtful"
