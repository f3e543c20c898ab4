"""MCP tools `start_run` and `run_status`."""

from __future__ import annotations

from bot.mcp_server.scopes import McpClient, RequestScope, ToolCallDenied
from bot.mcp_server.tools import StartRunArguments, ToolPayload
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.text import clean
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.run.presentation.run import render_run_card
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import ExternalRun, Lookups

KEY_LIFETIME = 86_400.0
"""Seconds for which an idempotency key is remembered."""
REPEAT_WINDOW = 300.0
"""Seconds in which the same task without a key counts as a repeated call, even if its run has ended."""


class RunTools:
    """Starts runs for external agents and reports their state."""

    def __init__(self, engine: Engine, store: Lookups, clock: Clock) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock

    async def find_existing(self, caller: McpClient, request: StartRunArguments, scope: RequestScope) -> int | None:
        """The run that an earlier call with the same key, or else with the same arguments, has started.

        Raises:
            ToolCallDenied: the key was used for another task.
        """
        now = self._clock.now()
        for run in await self._store.external_runs(caller.token, max(now - KEY_LIFETIME, caller.access_token.made_at)):
            if request.key:
                if run.outside.wish != request.key:
                    continue
                if run.task != clean(request.task).strip():
                    raise ToolCallDenied(
                        f"The key {request.key!r} has started run {run.run}, which has another task. Use another key."
                    )
                return run.run
            recent = run.status == "running" or run.started_at > now - REPEAT_WINDOW
            if recent and _is_same_request(run, caller, request, scope):
                return run.run
        return None

    async def start(self, caller: McpClient, request: StartRunArguments, scope: RequestScope) -> int:
        """Start a run and return its number.

        Raises:
            StoreError: it could not be stored, and was not started.
        """
        agent = caller.to_external_agent(scope.team, request.key)
        task = clean(request.task).strip()
        return await self._engine.start_run(task=task, team=scope.team, place=scope.place, by=scope.by, outside=agent)

    async def status(self, caller: McpClient, run: int, seconds: float) -> ToolPayload:
        """State of a run once it has ended, or after `seconds`.

        Raises:
            ToolCallDenied: it does not exist, or belongs to another token.
        """
        state = await self._engine.run(run)
        if state is None or not caller.owns(state):
            raise ToolCallDenied(f"There is no run {run} of your token {caller.token}.")
        until = self._clock.now() + seconds
        return _run_payload(await self._engine.external_agents.wait_until(run, lambda state: state.end is not None, until))


def _is_same_request(run: ExternalRun, caller: McpClient, request: StartRunArguments, scope: RequestScope) -> bool:
    agent = caller.to_external_agent(scope.team).agent
    requested = (clean(request.task).strip(), scope.team.name, scope.place, agent)
    return (run.task, run.team, run.place, run.outside.agent) == requested


def _run_payload(state: RunState) -> ToolPayload:
    card = render_run_card(state)
    open_questions = (question for question in state.questions.values() if question.open)
    payload: ToolPayload = {
        "run": state.run,
        "status": state.end.status if state.end else "running",
        "doing": card.status,
        "task": state.task,
        "team": card.team,
        "agents": [{"name": agent.name, "model": agent.model, "state": agent.state} for agent in card.agents],
        "cost": card.cost,
        "tokens": card.tokens,
        "open_questions": [
            {"question": question.id, "asked": question.ask.question, "by": question.agent} for question in open_questions
        ],
    }
    if state.end is not None:
        payload |= {"result": state.end.text, "how": state.end.how}
    return payload
