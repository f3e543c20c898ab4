"""Requests in people's own words for what a command gives, and requests to stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.chat.command_line import is_plain_command, parse_typed_command, strip_lead
from orchestrator_bridge.chat.typed_requests import parse_result_request, parse_stop_request

RESULTS = {
    "how much did run 2 cost?": ("cost", "2"),
    "cost of run 2": ("cost", "2"),
    "what did run 2 cost": ("cost", "2"),
    "how much have we spent today?": ("cost", ""),
    "was hat Lauf 2 gekostet?": ("cost", "2"),
    "which model are you using?": ("model", ""),
    "which models can I use?": ("models", ""),
    "welches Modell benutzt du?": ("model", ""),
    "what is the status": ("runs", ""),
    "How far are you?": ("runs", ""),
    "is run 2 done?": ("runs", ""),
    "wie ist der Stand?": ("runs", ""),
    "who is in the team": ("team", ""),
    "wer ist im Team?": ("team", ""),
    "any open questions?": ("questions", ""),
    "show me the open questions": ("questions", ""),
    "what is question 3?": ("questions", "3"),
    "gibt es offene Fragen?": ("questions", ""),
    "can you help me?": ("help", ""),
    "how is run 2 going?": ("runs", ""),
    "costs by model": ("cost", "by model"),
    "kosten": ("cost", ""),
    "Hilfe": ("help", ""),
    "beende den Lauf": ("finish", ""),
}


@pytest.mark.parametrize("text", RESULTS)
def test_a_question_for_the_result_of_a_command_is_that_command(text: str) -> None:
    line = parse_typed_command(text)
    assert line is not None
    assert (line.name, line.text) == RESULTS[text]


@pytest.mark.parametrize(
    "text",
    [
        *("How much does PostgreSQL cost?", "which model should we use?", "Which team should own it?", "the cost", "done"),
        *("what do you think?", "Is the team ready for the release?", "What is the cost of a rewrite?", "when is lunch?"),
    ],
)
def test_a_question_that_names_anything_else_is_for_the_agents(text: str) -> None:
    assert parse_typed_command(text) is None


def test_only_a_question_by_its_form_cannot_answer_one() -> None:
    assert is_plain_command("how much did run 2 cost?")
    assert not is_plain_command("cost of run 2")


@pytest.mark.parametrize(
    ("text", "run"),
    [
        *(("stop please", None), ("please stop", None), ("please stop this run now", None), ("can you cancel this?", None)),
        *(("no, stop", None), ("you can stop now", None), ("could you please abort run 3?", 3), ("cancel run 3 please", 3)),
        *(("bitte stoppen", None), ("brich den Lauf ab", None), ("kannst du das abbrechen?", None), ("hör auf damit", None)),
    ],
)
def test_a_message_that_only_asks_to_stop_is_clear(text: str, run: int | None) -> None:
    stop = parse_stop_request(text)
    assert stop is not None
    assert (stop.clear, stop.run) == (True, run)


@pytest.mark.parametrize(
    "text",
    [
        *("stop, wrong direction", "I want to stop", "let's stop", "should we stop?", "stop?", "ok that's enough. stop"),
        *("cancel this run because it is wrong", "cancel my last run", "stop all runs", "vielleicht sollten wir abbrechen"),
    ],
)
def test_words_that_may_ask_to_stop_are_doubtful(text: str) -> None:
    stop = parse_stop_request(text)
    assert stop is not None
    assert not stop.clear


@pytest.mark.parametrize(
    "text",
    [
        *("stop using semicolons", "cancel the trip", "stop the deployment", "don't stop", "never stop", "why did you stop?"),
        *("stop the current rollout now", "use the stop signal", "the end", "thanks", ""),
    ],
)
def test_words_about_stopping_something_else_are_no_request_to_stop(text: str) -> None:
    assert parse_stop_request(text) is None


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    parse_result_request(text)
    parse_stop_request(text)
    assert strip_lead(strip_lead(text)) == strip_lead(strip_lead(strip_lead(text)))


@pytest.mark.parametrize("task", ["— plan it", "—plan it", ": plan it", '"plan it"', "“plan it”", "- plan it", "... plan it"])
def test_punctuation_before_a_task_is_removed(task: str) -> None:
    assert strip_lead(task) == "plan it"


@pytest.mark.parametrize("task", [".env is broken", "-1 is wrong", ":rocket: launch it", '"Plan" vs "Build"', "> quoted"])
def test_signs_that_belong_to_a_task_stay(task: str) -> None:
    assert strip_lead(task) == task
