"""`start_run` and `run_status`: runs that agents outside start."""

from __future__ import annotations

from typing import Any

from bot.mcp_server.scopes import McpClient, RequestScope, ToolCallDenied
from bot.mcp_server.tools import StartRunArguments
from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.text import clean
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.run.presentation.run import render_run_card
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import ExternalRun, Lookups

DAY = 86_400.0
"""Seconds in which the same key is known again."""
REPEAT_WINDOW = 300.0
"""Seconds in which the same task without a key is taken for a call that was repeated, even if its run has ended."""

ToolPayload = dict[str, Any]


class RunTools:
    """Starts and looks, for one agent outside at a time."""

    def __init__(self, engine: Engine, store: Lookups, clock: Clock) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock

    async def find_existing(self, caller: McpClient, wish: StartRunArguments, ground: RequestScope) -> int | None:
        """The run that the same wish has begun already.

        Raises:
            ToolCallDenied: the key was for another task.
        """
        now = self._clock.now()
        for one in await self._store.external_runs(caller.token, now - DAY):
            if wish.key and one.outside.wish == wish.key:
                if one.task != clean(wish.task).strip():
                    raise ToolCallDenied(
                        f"The key {wish.key!r} has started run {one.run}, which has another task. Take another key."
                    )
                return one.run
            if (
                not wish.key
                and _is_same_request(one, caller, wish, ground)
                and (one.status == "running" or one.started_at > now - REPEAT_WINDOW)
            ):
                return one.run
        return None

    async def start(self, caller: McpClient, wish: StartRunArguments, ground: RequestScope) -> int:
        """Begin it.

        Raises:
            StoreError: it could not be stored, and has not begun.
        """
        outside = caller.to_external_agent(ground.team, wish.key)
        task = clean(wish.task).strip()
        return await self._engine.start_run(task=task, team=ground.team, place=ground.place, by=ground.by, outside=outside)

    async def status(self, caller: McpClient, run: int, seconds: float) -> ToolPayload:
        """How a run stands once it has ended, or so many seconds from now.

        Raises:
            ToolCallDenied: there is none, or it came through another token.
        """
        state = await self._engine.run(run)
        if state is None or state.outside is None or state.outside.token != caller.token:
            raise ToolCallDenied(f"There is no run {run} of your token {caller.token}.")
        until = self._clock.now() + seconds
        return _run_payload(await self._engine.external_agents.wait_until(run, lambda state: state.end is not None, until))


def check_may_start(by: Author, may: bool) -> None:
    """Whether somebody may start runs.

    Raises:
        ToolCallDenied: the team file says otherwise.
    """
    if not may:
        raise ToolCallDenied(
            f"{by.name}, on whose behalf you work, may not start runs; townhall.toml says who may, under [permissions]."
        )


def _is_same_request(one: ExternalRun, caller: McpClient, wish: StartRunArguments, ground: RequestScope) -> bool:
    agent = caller.to_external_agent(ground.team).agent
    return (one.task, one.team, one.place, one.outside.agent, one.outside.wish) == (
        clean(wish.task).strip(),
        ground.team.name,
        ground.place,
        agent,
        "",
    )


def _run_payload(state: RunState) -> ToolPayload:
    shown = render_run_card(state)
    told: ToolPayload = {
        "run": state.run,
        "status": state.end.status if state.end else "running",
        "doing": shown.status,
        "task": state.task,
        "team": shown.team,
        "agents": [{"name": one.name, "model": one.model, "state": one.state} for one in shown.agents],
        "cost": shown.cost,
        "tokens": shown.tokens,
        "open_questions": [
            {"question": one.id, "asked": one.ask.question, "by": one.agent} for one in state.questions.values() if one.open
        ],
    }
    if state.end is not None:
        told |= {"result": state.end.text, "how": state.end.how}
    return told
