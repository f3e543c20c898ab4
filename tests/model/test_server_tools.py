"""Tools that OpenAI and xAI run themselves: their form, what is booked and shown, and what goes back with later calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.config.errors import ConfigError
from bot.config.team_file import parse_team_file
from orchestrator_bridge.model.catalogue import resolve
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import BadRequest
from orchestrator_bridge.model.interface import Message, Response, ServerTool, ServerUse
from orchestrator_bridge.team.team import AgentSpec, Policy, Team
from tests.support.clock import ManualClock
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import KEY, create_model_client, create_request
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine

SOL, GROK = "openai/gpt-6-sol", "xai/grok-4.3"

SEARCH = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "sqlite limits", "queries": ["sqlite limits", "sqlite writers"]},
}
OPEN = {
    "id": "ws_2",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "open_page", "url": "https://sqlite.org/"},
}
CODE = {
    "id": "ci_1",
    "type": "code_interpreter_call",
    "status": "completed",
    "container_id": "cntr_1",
    "code": "print(2**10)",
    "outputs": None,
}
ON_X = {
    "id": "ctc_1",
    "type": "custom_tool_call",
    "name": "x_keyword_search",
    "input": '{"query": "sqlite", "limit": "5"}',
    "call_id": "xs_1",
}


async def call(model: str, tools: Sequence[ServerTool], play: ScriptedReply) -> tuple[Response, ModelCall]:
    async with ModelServer([play]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model=model, server_tools=tuple(tools)))
        await models.close()
        return response, server.requests[0]


@pytest.mark.parametrize(
    ("model", "tools", "types"),
    [
        (SOL, ("web_search", "code"), ["function", "web_search", "code_interpreter"]),
        (GROK, ("web_search", "x_search", "code"), ["function", "web_search", "x_search", "code_interpreter"]),
        (GROK, (), ["function"]),
    ],
)
async def test_the_tools_that_a_team_switches_on_are_offered_by_their_vendors_names(
    model: str, tools: Sequence[ServerTool], types: list[str]
) -> None:
    _, asked = await call(model, tools, ScriptedReply(text="x"))
    assert [tool["type"] for tool in asked.body["tools"]] == types
    assert ("max_tool_calls" in asked.body) == (model == SOL)


async def test_what_the_provider_ran_is_reported_and_its_fees_are_booked() -> None:
    usage = Tokens(input=1000, output=10)
    plain, _ = await call(SOL, (), ScriptedReply(text="x", usage=usage))
    used, _ = await call(
        SOL, ("web_search", "code"), ScriptedReply(text="x", items=(SEARCH, OPEN, CODE, {**CODE, "id": "ci_2"}), usage=usage)
    )
    assert [(use.tool, use.detail) for use in used.server_uses] == [
        ("web_search", "sqlite limits; sqlite writers"),
        ("web_search", "https://sqlite.org/"),
        ("code", "print(2**10)"),
        ("code", "print(2**10)"),
    ]
    assert used.cost is not None
    assert plain.cost is not None
    # One search, and one container in which code ran twice; the page that was opened is not billed.
    assert used.cost - plain.cost == Decimal("0.01") + Decimal("0.03")
    assert used.cost_source.endswith(", with the provider's fees for its tools")


async def test_xais_own_bill_contains_its_fees() -> None:
    stated = {"input_tokens": 10, "output_tokens": 1, "total_tokens": 11, "cost_in_usd_ticks": 292_331_500}
    response, _ = await call(GROK, ("x_search",), ScriptedReply(text="x", items=(ON_X,), raw_usage=stated))
    assert response.server_uses == (ServerUse(tool="x_search", detail="sqlite", unit="ctc_1"),)
    assert response.cost == Decimal("0.02923315")


async def test_a_failed_search_is_not_billed() -> None:
    response, _ = await call(SOL, ("web_search",), ScriptedReply(text="x", items=({**SEARCH, "status": "failed"},)))
    assert [use.unit for use in response.server_uses] == [""]


async def test_sources_that_a_text_cites_stay_as_links() -> None:
    cited = [
        {"type": "url_citation", "url": "https://sqlite.org/limits", "title": "Limits [1]", "start_index": 0, "end_index": 3},
        {"type": "url_citation", "url": "https://sqlite.org/whentouse", "title": "", "start_index": 0, "end_index": 3},
        {"type": "url_citation", "url": "javascript:alert(1)", "title": "x", "start_index": 0, "end_index": 3},
    ]
    text = "It has [limits](https://sqlite.org/limits)."
    response, _ = await call(SOL, ("web_search",), ScriptedReply(text=text, annotations=cited))
    address = "https://sqlite.org/whentouse"
    assert response.text == f"{text}\n\nSources: [{address}](<{address}>)"


@pytest.mark.parametrize("items", [(SEARCH,), (SEARCH, CODE)])
async def test_items_of_the_providers_tools_go_back_with_their_reasoning(items: Sequence[Mapping[str, Any]]) -> None:
    use = ToolUse(name="new_answer", arguments={"content": "a"}, id="call_1")
    first = ScriptedReply(tool_calls=[use], items=items, reasoning="SECRET", signature="Z0FB")
    async with ModelServer([first, ScriptedReply(text="x")]) as server:
        models = create_model_client(server)
        request = create_request(model=SOL, server_tools=("web_search", "code"))
        response = await models.respond(request)
        said = Message(role="assistant", tool_calls=response.tool_calls, kept=response.kept)
        result = Message(role="tool", text="ok", tool_call=response.tool_calls[0].id)
        later = create_request(model=SOL, server_tools=("web_search", "code"), messages=(*request.messages, said, result))
        await models.respond(later)
        await models.close()
        kinds = [item.get("type", "message") for item in server.requests[1].body["input"]]
    assert kinds == [
        "message",
        "message",
        "reasoning",
        *(item["type"] for item in items),
        "function_call",
        "function_call_output",
    ]


def test_the_highest_cost_of_a_call_includes_fees() -> None:
    models = ModelClient(keys={"OPENAI_API_KEY": KEY})
    plain, searching = (
        models.max_cost(create_request(model=SOL)),
        models.max_cost(create_request(model=SOL, server_tools=("web_search",))),
    )
    assert plain is not None
    assert searching is not None
    assert searching - plain == Decimal("0.1")


@pytest.mark.parametrize(
    ("model", "tool", "has"), [(SOL, "x_search", "'web_search' and 'code'"), ("openai/gpt-4.1", "web_search", "none")]
)
async def test_a_tool_that_a_model_lacks_is_refused_before_the_call(model: str, tool: ServerTool, has: str) -> None:
    async with ModelServer([]) as server:
        models = create_model_client(server)
        with pytest.raises(BadRequest, match=f"has no server-side '{tool}'; it has {has}"):
            models.check(model, (tool,))
        with pytest.raises(BadRequest):
            await models.respond(create_request(model=model, server_tools=(tool,)))
        await models.close()
        assert server.requests == []


def test_the_team_file_is_refused_where_a_model_lacks_a_tool() -> None:
    text = '[team.a]\nserver_tools = ["x_search"]\n[[team.a.agents]]\nname = "one"\nmodel = "gpt-6-sol"\n'
    with pytest.raises(ConfigError) as caught:
        parse_team_file(text, Path("townhall.toml"))
    (problem,) = caught.value.problems
    assert problem.found == "'x_search', which gpt-6-sol of agent one lacks"
    assert problem.expected == "only tools that gpt-6-sol has: 'web_search', 'code'"
    assert resolve("gpt-6-sol").api == "responses"


async def test_the_thread_shows_what_an_agents_provider_searched(tmp_path: Path) -> None:
    def player(asked: ModelCall) -> ScriptedReply:
        play = team_behaviour(asked)
        return ScriptedReply(tool_calls=play.tool_calls, text=play.text, items=(SEARCH, CODE) if asked.number == 1 else ())

    platform = ListPlatform(ManualClock())
    agents = (AgentSpec(name="planner", model=GROK), AgentSpec(name="critic", model=GROK))
    team = Team(agents=agents, policy=Policy(settle_delay=0), server_tools=("web_search", "code"))
    async with ModelServer(player) as server:
        client = ModelClient(keys={"XAI_API_KEY": KEY}, base_urls={"xai": server.url})
        async with start_engine(tmp_path / "t.db", server, platform, models=client) as engine:
            await engine.start_run(task="a task", team=team, place=PLACE, by=ANA)
            await engine.wait_finished()
        # The list of tools stays the same in every call of a run, for the provider's cache.
        assert len({str(call.body["tools"]) for call in server.requests}) == 1
        assert "Markdown link to each source" in str(server.requests[0].body["input"][0])
    assert "Searched the web: `sqlite limits; sqlite writers`\nRan code: `print(2**10)`" in platform.notes
