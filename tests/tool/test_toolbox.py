"""Tool servers over both transports: listing, calls, failures and restarts."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator_bridge.tool.model import ToolImage, ToolNotCalled, ToolOutcomeUnknown, ToolResult, ToolServerSpec
from orchestrator_bridge.tool.server import RESTART_BACKOFF
from orchestrator_bridge.tool.toolbox import Toolbox
from tests.support.clock import ManualClock
from tests.support.fake_tools.stub import SECRETS, stub_over_http, stub_over_stdio


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=[stub_over_stdio, stub_over_http])
async def box(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Toolbox]:
    async with request.param(tmp_path) as spec:
        box = Toolbox({"stub": spec}, SECRETS, clock)
        yield box
        await box.close()


async def test_a_server_lists_its_tools_and_which_are_read_only(box: Toolbox) -> None:
    tools = {tool.model_name: tool for tool in await box.tools("stub")}
    assert tools["stub__add"].read_only
    assert not tools["stub__append"].read_only
    assert tools["stub__add"].description == "Add two numbers."
    assert set(tools["stub__add"].schema["properties"]) == {"a", "b"}


async def test_results_are_returned_as_text_and_images(box: Toolbox) -> None:
    assert await box.call("stub", "add", {"a": 1, "b": 2}) == ToolResult(text="3")
    image = ToolImage(media_type="image/png", data=b"\x89PNG\r\n\x1a\n")
    assert await box.call("stub", "picture", {}) == ToolResult(text="a dot", images=(image,))


async def test_a_failing_or_missing_tool_or_wrong_arguments_give_a_failed_result(box: Toolbox) -> None:
    assert (await box.call("stub", "fail", {})).failed
    assert (await box.call("stub", "nothing", {})).failed
    wrong = await box.call("stub", "add", {"a": "x", "b": 2})
    assert wrong.failed
    assert "integer" in wrong.text


async def test_several_calls_run_concurrently(box: Toolbox) -> None:
    hanging = asyncio.create_task(box.call("stub", "hang", {}))
    sums = await asyncio.gather(*(box.call("stub", "add", {"a": number, "b": 1}) for number in range(5)))
    assert [result.text for result in sums] == ["1", "2", "3", "4", "5"]
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging


async def test_the_secrets_of_a_server_are_redacted(box: Toolbox) -> None:
    assert (await box.call("stub", "secret", {})).text == "[STUB_TOKEN]"


async def test_a_server_that_dies_during_a_call_leaves_it_unknown_and_restarts(tmp_path: Path, clock: ManualClock) -> None:
    async with stub_over_stdio(tmp_path) as spec:
        box = Toolbox({"stub": spec}, SECRETS, clock)
        with pytest.raises(ToolOutcomeUnknown, match="the connection to stub was cut off"):
            await box.call("stub", "die", {})
        await clock.armed_until(clock.now() + RESTART_BACKOFF.first)
        with pytest.raises(ToolNotCalled, match="stub stopped unexpectedly"):
            await box.call("stub", "add", {"a": 1, "b": 2})
        up = asyncio.Event()
        box.subscribe(lambda _: up.set())
        clock.advance(RESTART_BACKOFF.first)
        await up.wait()
        assert (await box.call("stub", "add", {"a": 1, "b": 2})).text == "3"
        await box.close()


SPEAKS_LAST = (sys.executable, "-c", "import sys; print('no key: hunter-2-hunter', file=sys.stderr); sys.exit(1)")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ToolServerSpec(command=("no-such-program-anywhere",)), "its command cannot be run (No such file or directory)"),
        (ToolServerSpec(command=(sys.executable, "-c", "raise SystemExit(1)")), "stub cannot be started: it has ended"),
        (ToolServerSpec(command=SPEAKS_LAST), "it has ended; its last output is “no key: [STUB_TOKEN]”"),
        (ToolServerSpec(command=("echo", "this is no JSON")), "stub cannot be started: it has ended"),
        (ToolServerSpec(command=(sys.executable, "-c", "print(chr(255).encode('latin-1'))")), "stub cannot be started"),
        (ToolServerSpec(url="http://127.0.0.1:9/mcp"), "stub cannot be started: no server answers at its address"),
        (ToolServerSpec(url="http://127.0.0.1:9/${NOWHERE}"), "stub needs NOWHERE, not set in the environment or .env"),
    ],
)
async def test_a_server_that_does_not_start_or_speaks_no_mcp_is_reported(
    spec: ToolServerSpec, message: str, clock: ManualClock
) -> None:
    box = Toolbox({"stub": spec}, SECRETS, clock)
    with pytest.raises(ToolNotCalled, match=re.escape(message)):
        await box.tools("stub")
    await box.close()


async def test_a_call_that_times_out_has_an_unknown_outcome(tmp_path: Path, clock: ManualClock) -> None:
    async with stub_over_stdio(tmp_path) as spec:
        box = Toolbox({"stub": spec.model_copy(update={"timeout": 0.05})}, SECRETS, clock)
        await box.tools("stub")
        with pytest.raises(ToolOutcomeUnknown, match=r"stub did not answer within 0\.05 s"):
            await box.call("stub", "hang", {})
        await box.close()


async def test_the_listener_finds_the_new_tools_after_a_change(box: Toolbox) -> None:
    changed = asyncio.Event()
    box.subscribe(lambda _: changed.set())
    await box.call("stub", "grow", {})
    await changed.wait()
    assert "grown" in [tool.name for tool in await box.tools("stub")]


async def test_an_unknown_server_is_not_called(clock: ManualClock) -> None:
    with pytest.raises(ToolNotCalled, match="there is no tool server 'x'"):
        await Toolbox({}, {}, clock).tools("x")
