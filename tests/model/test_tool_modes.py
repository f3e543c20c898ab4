"""Modes in which a model is offered tools, and the order of roles: by what its server refuses, remembered in the data folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator_bridge.model.catalogue import resolve
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.error_patterns import error_type
from orchestrator_bridge.model.errors import BadRequest, FormatRefused, ModelError, RolesRefused, ToolsRefused
from orchestrator_bridge.model.interface import Message
from orchestrator_bridge.model.openai.request import body_of
from tests.support.clock import ManualClock
from tests.support.fake_models.refusals import Rule, alternating_roles, no_response_format, no_tool_parser, refusal
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import create_request

WRITTEN = ScriptedReply(text=json.dumps({"name": "new_answer", "arguments": {"content": "a"}}))


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (400, "`tools` is not supported with this model", ToolsRefused),
        (404, "No endpoints found that support the provided 'tool_choice' value.", ToolsRefused),
        (404, "No endpoints found that support tool use. To learn more about provider routing, visit ...", ToolsRefused),
        (400, "gemma-2-9b-it does not support function calling", ToolsRefused),
        (400, "Function calling is not enabled for models/gemma-3-27b-it", ToolsRefused),
        (400, "registry.ollama.ai/library/gemma:latest does not support tools", ToolsRefused),
        (400, "groq does not support parameters: ['tools'], for model=gemma2-9b-it", ToolsRefused),
        (400, "Unknown parameter: 'tools'.", ToolsRefused),
        (400, "Unrecognized request argument supplied: functions", ToolsRefused),
        (422, "Tool calling is currently not supported", ToolsRefused),
        (400, "tool use is not supported in streaming mode", ToolsRefused),
        (400, "tools param requires --jinja flag", ToolsRefused),
        (400, "response_format value as json_schema is enabled only for api versions 2024-08-01-preview", FormatRefused),
        (400, "This model does not support structured outputs", FormatRefused),
        (400, "JSON mode is not supported for this model", FormatRefused),
        (400, "Conversation roles must alternate user/assistant/user/assistant/...", RolesRefused),
        (500, "After the optional system message, conversation roles must alternate", RolesRefused),
        (400, "System role not supported", RolesRefused),
        (400, "An assistant message with 'tool_calls' must be followed by tool messages", BadRequest),
        (400, "Invalid value for temperature", BadRequest),
        (400, "Missing required parameter: 'tools[0].type'.", BadRequest),
    ],
)
def test_a_refusal_of_a_form_is_recognised_by_its_words(status: int, words: str, error: type[ModelError]) -> None:
    assert error_type(status, words) is error


def client(server: ModelServer, data: Path | None = None, clock: ManualClock | None = None) -> ModelClient:
    own = {"local": ModelSpec(base_url=server.url), "plain": ModelSpec(base_url=server.url, tools=False)}
    return ModelClient(own=own, data=data, clock=clock)


async def ask(server: ModelServer, data: Path | None = None, clock: ManualClock | None = None) -> None:
    """One call by a client of its own, as after a restart."""
    models = client(server, data, clock)
    response = await models.respond(create_request(model="local"))
    await models.close()
    assert [call.name for call in response.tool_calls] == ["new_answer"]


async def test_a_mode_that_a_server_refused_is_not_tried_again_after_a_restart(tmp_path: Path) -> None:
    async with ModelServer(lambda _: WRITTEN, refuses=(no_tool_parser, no_response_format)) as server:
        await ask(server, tmp_path)
        assert len(server.requests) == 3
        await ask(server, tmp_path)
        assert len(server.requests) == 4
        assert not {"tools", "response_format"} & server.requests[3].body.keys()
    (entry,) = json.loads((tmp_path / "model-modes.json").read_text())["routes"].values()
    assert entry["mode"] == "prompted"
    assert entry["day"] == datetime.now(UTC).date().isoformat()


async def test_a_server_that_was_upgraded_is_tried_again_after_a_month(tmp_path: Path) -> None:
    clock = ManualClock()
    async with ModelServer(lambda _: WRITTEN, refuses=(no_tool_parser,)) as server:
        await ask(server, tmp_path, clock)
        clock.advance(31 * 86_400)
        await ask(server, tmp_path, clock)
        assert ["tools" in call.body for call in server.requests] == [True, False, True, False]


async def test_a_damaged_memory_is_ignored_and_written_anew(tmp_path: Path) -> None:
    (tmp_path / "model-modes.json").write_text('{"routes": [')
    async with ModelServer(lambda _: WRITTEN, refuses=(no_tool_parser,)) as server:
        await ask(server, tmp_path)
    assert "schema" in (tmp_path / "model-modes.json").read_text()
    assert (tmp_path / "model-modes.json").stat().st_mode & 0o077 == 0


def no_system(body: object) -> ScriptedReply | None:
    """Gemma's chat template has no system role (google/gemma-2-9b-it, `chat_template`)."""
    assert isinstance(body, dict)
    has_system = any(message["role"] == "system" for message in body["messages"])
    return refusal(400, {"error": {"message": "System role not supported", "code": 400}}) if has_system else None


CONVERSATION = (
    Message(role="system", text="You are planner."),
    Message(role="user", text="One."),
    Message(role="user", text="Two."),
)


@pytest.mark.parametrize("rules", [(alternating_roles,), (no_system, alternating_roles)], ids=["alternating", "no system"])
async def test_a_refused_order_of_roles_is_changed_at_once_and_remembered(rules: Sequence[Rule], tmp_path: Path) -> None:
    async with ModelServer(lambda _: ScriptedReply(tool_calls=[ToolUse(name="new_answer")]), refuses=rules) as server:
        for _ in range(2):
            models = ModelClient(keys={"OPENROUTER_API_KEY": "k"}, base_urls={"openrouter": server.url}, data=tmp_path)
            response = await models.respond(replace(create_request(model="openrouter/a/b"), messages=CONVERSATION))
            await models.close()
            assert response.tool_calls
        assert len(server.requests) == len(rules) + 2
        assert [message["role"] for message in server.requests[-1].messages] == (
            ["user"] if len(rules) > 1 else ["system", "user"]
        )


@pytest.mark.parametrize(
    ("address", "id_", "api", "limit"),
    [
        ("https://api.openai.com/v1", "gpt-6.1-sol", "responses", "max_completion_tokens"),
        ("https://api.x.ai/v1/", "grok-4.3", "responses", "max_completion_tokens"),
        ("https://api.openai.com/v1", "gpt-4.1", "chat_completions", "max_completion_tokens"),
        ("https://api.deepseek.com", "deepseek-v4-pro", "chat_completions", "max_tokens"),
        ("http://localhost:8000/v1", "gpt-6.1-sol", "chat_completions", "max_tokens"),
        ("https://api.openai.com.example.org/v1", "gpt-6.1-sol", "chat_completions", "max_tokens"),
    ],
)
def test_a_model_of_the_team_file_at_a_vendors_address_is_called_as_the_vendors_own(
    address: str, id_: str, api: str, limit: str
) -> None:
    route = resolve("mine", {"mine": ModelSpec(base_url=address, id=id_, key_env="MY_KEY", context=1000)})
    assert (route.api, route.limit_name, route.id, route.context, route.key_env) == (api, limit, id_, 1000, "MY_KEY")
    assert route.base_url == address.rstrip("/")
    if api == "chat_completions":
        assert body_of(create_request(model="mine"), route)["model"] == id_


def finding_player(asked: ModelCall) -> ScriptedReply:
    """A model that answers in words, whatever it is told."""
    return ScriptedReply(text="I am ready.")


async def test_a_model_that_makes_no_calls_in_any_mode_is_refused_from_then_on(tmp_path: Path) -> None:
    async with ModelServer(finding_player) as server:
        models = client(server, tmp_path)
        assert await models.probe("local") is None
        assert await models.probe("plain") is None
        await models.close()
        later = client(server, tmp_path)
        with pytest.raises(BadRequest, match="'local' at local made no tool calls, neither its own nor as JSON"):
            later.check("local")
        await later.close()


async def test_a_running_bot_sees_what_a_probe_of_another_process_found(tmp_path: Path) -> None:
    use = ToolUse(name="report", arguments={"status": "ready"})
    plays = [*[ScriptedReply(text="I am ready.")] * 3, ScriptedReply(tool_calls=[use])]
    async with ModelServer(plays) as server:
        bot, doctor = client(server, tmp_path), client(server, tmp_path)
        assert bot.check("local").id == "local"
        assert await doctor.probe("local") is None
        with pytest.raises(BadRequest):
            bot.check("local")
        assert await doctor.probe("local") == "native"
        assert bot.check("local").id == "local"
        await bot.close()
        await doctor.close()


@pytest.mark.parametrize(
    ("rules", "mode"), [((), "native"), ((no_tool_parser,), "schema"), ((no_tool_parser, no_response_format), "prompted")]
)
async def test_a_probe_finds_the_best_mode_and_remembers_it(rules: Sequence[Rule], mode: str, tmp_path: Path) -> None:
    use = ToolUse(name="report", arguments={"status": "ready"})

    def player(asked: ModelCall) -> ScriptedReply:
        written = json.dumps({"name": use.name, "arguments": use.arguments})
        return ScriptedReply(tool_calls=[use]) if asked.tools else ScriptedReply(text=written)

    async with ModelServer(player, refuses=rules) as server:
        models = client(server, tmp_path)
        assert await models.probe("local") == mode
        await models.close()
    assert f'"{mode}"' in (tmp_path / "model-modes.json").read_text()


async def test_a_probe_whose_answers_are_cut_off_says_nothing_against_the_model(tmp_path: Path) -> None:
    async with ModelServer(lambda _: ScriptedReply(text="I think", finish="length")) as server:
        models = client(server, tmp_path)
        assert await models.probe("local") is None
        assert models.check("local").id == "local"
        await models.close()
