"""Tool calls through real tool servers: with and without approval, and their failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator_bridge.run.tool_policy import RESULT_PAGE_SIZE
from orchestrator_bridge.team.team import Team
from orchestrator_bridge.tool.model import ToolServerSpec
from tests.support.clock import ManualClock
from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.fake_tools.stub import STUB, appended_lines
from tests.support.running_engine import ANA, PLACE, ListPlatform, prompt_text, start_engine
from tests.support.running_engine import team as plain_team


def stub(folder: Path, **spec: Any) -> dict[str, ToolServerSpec]:
    return {"stub": ToolServerSpec(command=STUB, env={"STUB_LOG": str(folder / "done")}, **spec)}


def team(*names: str) -> Team:
    return plain_team(*names).model_copy(update={"tools": ("stub",)})


def uses_first(*uses: tuple[str, dict[str, Any]]) -> Behaviour:
    """Use these tools in one response, then answer with what the results say."""

    def player(asked: ModelCall) -> ScriptedReply:
        results = [str(message["content"]) for message in asked.messages if message["role"] == "tool"]
        if not results:
            return ScriptedReply(
                tool_calls=[ToolUse(name=name, arguments=arguments, id=f"c{n}") for n, (name, arguments) in enumerate(uses)]
            )
        return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "\n".join(results)})])

    return player


def asked(platform: ListPlatform, number: int) -> bool:
    """Check that this many questions were asked."""
    return len({card.question for card in platform.questions}) >= number


async def play(
    folder: Path,
    behaviour: Behaviour,
    *,
    then: Sequence[Callable[[ListPlatform], Any]] = (),
    **spec: Any,
) -> tuple[ListPlatform, ModelServer]:
    """A run of one agent to its end; `then` are what people do, each once a further question is there."""
    clock = ManualClock()
    platform = ListPlatform(clock)
    tools = stub(folder, **spec)
    async with (
        ModelServer(behaviour) as server,
        start_engine(folder / "t.db", server, platform, clock=clock, tools=tools) as engine,
    ):
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        for number, deed in enumerate(then, 1):
            await platform.until(partial(asked, platform, number))
            await engine.wait_finished()
            await deed(platform)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    return platform, server


async def test_a_tool_that_only_reads_is_called_without_asking_anybody(tmp_path: Path) -> None:
    platform, server = await play(tmp_path, uses_first(("stub__add", {"a": 1, "b": 2})))
    assert platform.questions == []
    assert platform.final_answers[0].text == '<result of="stub__add">\n3\n‹/result>'.replace("‹", "<")
    assert "one Uses stub.add (a: 1, b: 2)." in [f"{note.speaker} {note.text}" for note in notes(platform)]
    assert {"stub__add", "stub__append"} <= set(server.requests[0].tools)


def notes(platform: ListPlatform) -> list[Any]:
    return [outbound.post for outbound in platform.sent if outbound.post.kind == "note"]


async def test_several_tools_of_one_response_each_give_their_own_result(tmp_path: Path) -> None:
    uses = [("stub__add", {"a": n, "b": 10}) for n in range(3)]
    platform, _ = await play(tmp_path, uses_first(*uses))
    assert [line for line in platform.final_answers[0].text.splitlines() if line.isdigit()] == ["10", "11", "12"]


async def test_a_tool_that_writes_waits_for_approval_and_is_called_once(tmp_path: Path) -> None:
    platform, _ = await play(
        tmp_path,
        uses_first(("stub__append", {"line": "hello"})),
        then=[lambda platform: platform.person_clicks(1, "option", "approve")],
    )
    card = platform.questions[0]
    assert (card.answer_kind, card.text) == ("approval", "May I use the tool append of stub?")
    assert "line: hello" in card.context
    assert [option.label for option in card.options] == ["Approve", "Approve this tool for the run", "Deny"]
    assert appended_lines(tmp_path) == ["hello"]
    assert "written" in platform.final_answers[0].text


async def test_a_no_with_a_reason_reaches_the_agent_and_nothing_is_called(tmp_path: Path) -> None:
    platform, _ = await play(
        tmp_path,
        uses_first(("stub__append", {"line": "hello"})),
        then=[lambda platform: platform.person_says("not on a Friday", question=1)],
    )
    assert appended_lines(tmp_path) == []
    assert "Denied by people" in platform.final_answers[0].text
    assert "not on a Friday" in platform.final_answers[0].text


async def test_without_an_answer_a_tool_is_not_called(tmp_path: Path) -> None:
    async def nobody(platform: ListPlatform) -> None:
        clock = platform.clock
        assert isinstance(clock, ManualClock)
        clock.advance(3600)

    platform, _ = await play(tmp_path, uses_first(("stub__append", {"line": "hello"})), then=[nobody])
    assert appended_lines(tmp_path) == []
    assert "Not approved (nobody answered in 30 min)" in platform.final_answers[0].text


async def test_a_tool_approved_for_the_run_is_not_asked_for_again(tmp_path: Path) -> None:
    def player(asked: ModelCall) -> ScriptedReply:
        results = [str(message["content"]) for message in asked.messages if message["role"] == "tool"]
        if len(results) < 3:
            return ScriptedReply(tool_calls=[ToolUse(name="stub__append", arguments={"line": f"line {len(results)}"})])
        return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "done"})])

    platform, _ = await play(tmp_path, player, then=[lambda platform: platform.person_clicks(1, "option", "approve_tool")])
    assert appended_lines(tmp_path) == ["line 0", "line 1", "line 2"]
    assert {card.question for card in platform.questions} == {1}


async def test_a_denied_tool_is_not_offered(tmp_path: Path) -> None:
    _, server = await play(tmp_path, uses_first(("stub__add", {"a": 1, "b": 1})), approve={"append": "deny"})
    assert "stub__append" not in server.requests[0].tools


async def test_an_allowed_tool_asks_nobody(tmp_path: Path) -> None:
    platform, _ = await play(tmp_path, uses_first(("stub__append", {"line": "x"})), approve={"append": "allow"})
    assert platform.questions == []
    assert appended_lines(tmp_path) == ["x"]


async def test_a_long_result_is_cut_and_can_be_read_page_by_page(tmp_path: Path) -> None:
    def player(asked: ModelCall) -> ScriptedReply:
        results = [message for message in asked.messages if message["role"] == "tool"]
        if not results:
            return ScriptedReply(tool_calls=[ToolUse(name="stub__long", arguments={"characters": RESULT_PAGE_SIZE + 100})])
        if len(results) == 1:
            arguments = {"result": "work:one:1/0", "offset": RESULT_PAGE_SIZE}
            return ScriptedReply(tool_calls=[ToolUse(name="read_result", arguments=arguments)])
        return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": str(results[1]["content"])})])

    platform, server = await play(tmp_path, player)
    assert server.requests[0].tools == server.requests[-1].tools
    assert f"read on with read_result, result 'work:one:1/0', offset {RESULT_PAGE_SIZE}" in prompt_text(server.requests[1])
    assert platform.final_answers[0].text.count("word") == 20


async def test_a_server_that_does_not_start_is_reported_and_affects_no_run(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    broken = {"stub": ToolServerSpec(command=("no-such-program",))}
    behaviour = uses_first(("stub__add", {"a": 1, "b": 1}))
    async with ModelServer(behaviour) as server, start_engine(tmp_path / "t.db", server, platform, tools=broken) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert any("stub cannot be started" in note for note in platform.notes)
    assert "The tool server stub is down" in prompt_text(server.requests[0])
    assert "There is no tool 'stub__add' for you now." in platform.final_answers[0].text


async def test_a_call_during_which_the_server_dies_has_an_unknown_effect(tmp_path: Path) -> None:
    platform, _ = await play(tmp_path, uses_first(("stub__die", {})), approve={"die": "allow"})
    assert "No result: the connection to stub was cut off. It may have had its effect" in platform.final_answers[0].text


async def test_a_call_that_takes_too_long_is_abandoned_and_reported(tmp_path: Path) -> None:
    platform, _ = await play(tmp_path, uses_first(("stub__hang", {})), timeout=0.2)
    assert "No result: stub did not answer within 0.2 s." in platform.final_answers[0].text
    assert [note.text for note in notes(platform) if note.tone == "warning"] == [
        "stub.hang for one: No result: stub did not answer within 0.2 s."
    ]


async def test_new_tools_of_a_server_are_offered_in_the_same_run(tmp_path: Path) -> None:
    def player(asked: ModelCall) -> ScriptedReply:
        results = [str(message["content"]) for message in asked.messages if message["role"] == "tool"]
        if "stub__grown" in asked.tools or len(results) > 5:
            return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "it is there"})])
        name = "stub__add" if results else "stub__grow"
        return ScriptedReply(tool_calls=[ToolUse(name=name, arguments={"a": 1, "b": 1} if results else {})])

    platform, _ = await play(tmp_path, player, approve={"grow": "allow"})
    assert platform.final_answers[0].text == "it is there"


async def test_a_run_cancelled_during_a_tool_call_says_that_its_effect_is_unknown(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    tools = stub(tmp_path, approve={"append": "allow"})
    env = {**tools["stub"].env, "STUB_TAKES": "3600"}
    tools = {"stub": tools["stub"].model_copy(update={"env": env})}
    behaviour = uses_first(("stub__append", {"line": "begun"}))
    async with ModelServer(behaviour) as server, start_engine(tmp_path / "t.db", server, platform, tools=tools) as engine:
        run = await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: any(note.startswith("Uses stub.append") for note in platform.notes))
        engine.cancel_run(run, ANA, "the command")
        await platform.until(lambda: any("was cancelled" in note for note in platform.notes))
        await engine.wait_finished()
    assert any("stub.append for one: The run ended while this call was under way" in note for note in platform.notes)


async def test_too_many_tool_calls_are_refused(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    uses = [("stub__add", {"a": n, "b": 10}) for n in range(3)]
    limited = team("one").model_copy(update={"bounds": team("one").bounds.model_copy(update={"tool_calls_per_agent": 2})})
    async with (
        ModelServer(uses_first(*uses)) as server,
        start_engine(tmp_path / "t.db", server, platform, tools=stub(tmp_path)) as engine,
    ):
        await engine.start_run(task="a task", team=limited, place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert "Not called: you have used tools 2 times, the limit for one agent of this run." in platform.final_answers[0].text
