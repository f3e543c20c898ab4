"""Scripted models: search for scripts, selection of turns, placeholders, and errors in scripts."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator_bridge.model import errors
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Message, Request, ToolCall, ToolSpec
from orchestrator_bridge.model.scripted.script import ScriptError, find_script, read_script
from tests.support.model_calls import NEW_ANSWER

VOTE = ToolSpec(name="vote", description="Vote.", parameters={"properties": {"agent_id": {"enum": ["agent2", "agent1"]}}})


def written(folder: Path, text: str, name: str = "play") -> Path:
    path = folder / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def a_request(*messages: Message, tools: tuple[ToolSpec, ...] = (NEW_ANSWER,), agent: str = "planner") -> Request:
    conversation = messages or (Message(role="user", text="The task:\n\nPaint it blue."),)
    return Request(agent=agent, model="scripted/play", messages=conversation, tools=tools)


async def test_the_first_turn_that_fits_is_played(tmp_path: Path) -> None:
    written(
        tmp_path,
        """
        [[agents.planner]]
        needs = ["vote"]
        text = "not this one"
        [[agents.planner]]
        seen = ["BLUE"]
        lacks = ["vote"]
        last = "user"
        turn = 1
        says = ["paint"]
        unseen = ["red"]
        unsaid = ["red"]
        calls = [{ tool = "new_answer", arguments = { content = "{agent}: {task}" } }]
        """,
    )
    response = await ModelClient(scripts=(tmp_path,)).respond(a_request())
    (call,) = response.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("new_answer", {"content": "planner: Paint it blue."})
    assert response.served == "scripted/play"
    assert response.cost == Decimal(0)
    assert response.usage.estimated


async def test_an_agents_past_actions_are_parsed_from_the_conversation(tmp_path: Path) -> None:
    written(
        tmp_path,
        """
        [[agents."*"]]
        unused = ["new_answer"]
        text = "first"
        [[agents."*"]]
        used = ["new_answer"]
        turn = 2
        text = "second"
        """,
    )
    use = ToolCall(id="turn_0_0", name="new_answer", arguments='{"content": "mine"}')
    spoken = Message(role="assistant", tool_calls=(use,))
    answer_label = Message(role="tool", text="Your answer stands as agent1.", tool_call="turn_0_0")
    task = Message(role="user", text="The task:\n\nPaint it.")
    assert (await ModelClient(scripts=(tmp_path,)).respond(a_request(task))).text == "first"
    for _ in range(2):  # another process, or the same one again: it is all the same
        assert (await ModelClient(scripts=(tmp_path,)).respond(a_request(task, spoken, answer_label))).text == "second"


async def test_the_default_turn_states_that_no_turn_fits(tmp_path: Path) -> None:
    written(tmp_path, '[[agents.somebody]]\ntext = "x"')
    models = ModelClient(scripts=(tmp_path,))
    shown = Message(role="user", text='<answer label="agent2">\nred\n</answer>\n\n<answer label="agent1">\nblue\n</answer>')
    voted = await models.respond(a_request(shown, tools=(NEW_ANSWER, VOTE)))
    assert json.loads(voted.tool_calls[0].arguments) == {"agent_id": "agent2", "reason": "The script has no turn for this."}
    answered = await models.respond(a_request(tools=(NEW_ANSWER, VOTE)))
    assert json.loads(answered.tool_calls[0].arguments) == {"content": "The script has no turn for this."}
    assert (await models.respond(a_request(tools=()))).text == "The script has no turn for this."


async def test_an_answers_label_is_found_by_its_words(tmp_path: Path) -> None:
    written(
        tmp_path,
        """
        [[agents.planner]]
        calls = [{ tool = "vote", arguments = { agent_id = "{answer:blue}", reason = "{answer:green}" } }]
        """,
    )
    news = 'Answers:\n\n<answer label="agent1">\nPaint it Blue.\n</answer>\n\n<answer label="agent2">\nred\n</answer>'
    response = await ModelClient(scripts=(tmp_path,)).respond(a_request(Message(role="user", text=news), tools=(VOTE,)))
    assert json.loads(response.tool_calls[0].arguments) == {"agent_id": "agent1", "reason": "agent1"}


async def test_placeholders_in_values_are_not_filled(tmp_path: Path) -> None:
    written(tmp_path, "[[agents.planner]]\ntext = 'On {task}[[ and {guidance}]]'")
    task = Message(role="user", text="The task:\n\n{agent} {nonsense:x} [[y]]")
    assert (await ModelClient(scripts=(tmp_path,)).respond(a_request(task))).text == "On {agent} {nonsense:x} [[y]]"


async def test_invalid_arguments_of_a_careless_model_can_be_scripted(tmp_path: Path) -> None:
    written(tmp_path, '[[agents.planner]]\ncalls = [{ tool = "vote", raw = \'{"agent_id": \' }]')
    response = await ModelClient(scripts=(tmp_path,)).respond(a_request())
    assert response.tool_calls[0].arguments == '{"agent_id": '


async def test_a_turn_takes_the_time_that_the_script_states(tmp_path: Path) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    written(tmp_path, '[[agents.planner]]\ntakes = "0.8s"\ntext = "x"')
    await ModelClient(scripts=(tmp_path,), sleep=sleep).respond(a_request())
    assert slept == [0.8]


def test_scripts_are_searched_beside_the_team_file_then_in_its_scripts_then_built_in(tmp_path: Path) -> None:
    assert find_script("demo", (tmp_path,)).parent.name == "scripts"
    in_folder = written(tmp_path / "scripts", "", "demo")
    assert find_script("demo", (tmp_path,)) == in_folder
    beside = written(tmp_path, "", "demo")
    assert find_script("demo", (tmp_path,)) == beside


@pytest.mark.parametrize("name", ["missing", "../demo", "", "a/b"])
def test_a_missing_script_is_reported_with_the_existing_ones(tmp_path: Path, name: str) -> None:
    written(tmp_path / "scripts", "", "mine")
    with pytest.raises(ScriptError) as caught:
        find_script(name, (tmp_path,))
    assert f"there is no script {name!r}; expected a file {name}.toml in {tmp_path}" in str(caught.value)
    assert "Scripts found: demo, mine" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[agents.planner", "cannot be read as TOML"),
        ("about = 'x'", "agents: Field required"),
        ("[agents]", "agents: "),
        (
            "[[agents.planner]]\nneed = ['vote']\ntext = 'x'",
            "agents.planner.1.need: Extra inputs are not permitted (found ['vote']); expected one of needs, lacks",
        ),
        ("[[agents.planner]]\nneeds = ['vote']", "agents.planner.1: a turn needs 'calls' or 'text'"),
        ("[[agents.planner]]\ntext = 'x'\ntakes = '-1s'", "agents.planner.1.takes: "),
        (
            "[[agents.planner]]\ntext = 'x'\nlast = 'bot'",
            "agents.planner.1.last: Input should be 'system', 'user', 'assistant' or 'tool'",
        ),
        ("[[agents.planner]]\ntext = '{tsak}'", "agents.planner.1: unknown placeholder {tsak}; expected one of {task}"),
        (
            "[[agents.planner]]\ncalls = [{ tool = 'vote', arguments = { agent_id = '{label}' } }]",
            "agents.planner.1.calls.1.arguments: ",
        ),
    ],
)
def test_an_invalid_script_is_refused_with_file_key_found_and_expected(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ScriptError) as caught:
        read_script(path)
    assert str(caught.value).startswith(f"{path}: {problem}")


def test_a_script_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "play.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ScriptError, match="cannot be read as TOML"):
        read_script(path)


async def test_a_missing_script_is_a_model_error_in_a_call() -> None:
    with pytest.raises(errors.UnknownModel, match="there is no script 'play'"):
        await ModelClient().respond(a_request())


def test_a_model_can_be_checked_without_a_call(tmp_path: Path) -> None:
    models = ModelClient(scripts=(tmp_path,), keys={"XAI_API_KEY": "xai-key"})
    assert models.check("scripted/demo").provider == "scripted"
    assert models.check("grok-4.3").id == "grok-4.3"
    with pytest.raises(errors.InvalidApiKey, match="OPENAI_API_KEY is not set"):
        models.check("gpt-5")
    with pytest.raises(ScriptError):
        models.check("scripted/nothing")
    with pytest.raises(ValueError, match="is not known"):
        models.check("nothing")
