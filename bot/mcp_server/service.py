"""Executes MCP tool calls within the scope of the caller's token; a refused call returns the reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, assert_never

from bot.commands.dispatch import ChatCommands
from bot.config.errors import ConfigError
from bot.mcp_server.questions import QuestionTools
from bot.mcp_server.runs import RunTools
from bot.mcp_server.scopes import (
    McpClient,
    RequestScope,
    ToolCallDenied,
    question_quota_error,
    resolve_channel,
    resolve_person,
    run_quota_error,
)
from bot.mcp_server.tokens import TokenScope
from bot.mcp_server.tools import (
    AskTeamArguments,
    CancelQuestionArguments,
    CheckQuestionArguments,
    RunStatusArguments,
    StartRunArguments,
    ToolCallArguments,
    ToolPayload,
    parse_tool_arguments,
)
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.authority import Actor
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.run.agent_tools import InvalidToolCall
from orchestrator_bridge.store.interface import Store, StoreError, TokenActivity
from orchestrator_bridge.team.authority import Act, Verdict, refusal_text
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.directory import Directory

_LOG = logging.getLogger(__name__)

QuotaRule = Callable[[TokenScope, TokenActivity, float, tzinfo], str]
"""Reason why a token may not do more today, or an empty text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResponse:
    """Result of a tool: an object, or (`denial`) the reason why there is none."""

    payload: ToolPayload
    denial: str = ""


class ToolService:
    """Serves the clients of all tokens. `platforms` are the platforms that this bot is connected to."""

    def __init__(
        self,
        *,
        engine: Engine,
        commands: ChatCommands,
        store: Store,
        directory: Directory,
        clock: Clock,
        budgets: Budgets,
        platforms: Collection[str],
    ) -> None:
        self._commands = commands
        self._store = store
        self._directory = directory
        self._clock = clock
        self._budgets = budgets
        self._authority = engine.authority
        self._platforms = platforms
        self._questions = QuestionTools(engine.external_agents, store, clock)
        self._runs = RunTools(engine, store, clock)
        self._token_lock = engine.external_agents.lock_for
        self._starting = BackgroundTasks()

    async def call(self, caller: McpClient, tool: str, arguments: Mapping[str, Any]) -> ToolResponse:
        """Execute one tool call. Cancelling it ends the wait of this client alone: a started question or run continues."""
        request = parse_tool_arguments(tool, arguments)
        if isinstance(request, InvalidToolCall):
            return ToolResponse(payload={}, denial=request.text)
        try:
            return ToolResponse(payload=await self._execute(caller, request))
        except (ToolCallDenied, ConfigError, StoreError) as error:
            return ToolResponse(payload={}, denial=str(error))
        except Exception as error:
            _LOG.exception("tool %s, called with token %s, failed", tool, caller.token)
            return ToolResponse(
                payload={}, denial=f"Townhall failed with an internal error ({type(error).__name__}); its log has the details."
            )

    async def storage_problem(self) -> StoreError | None:
        """The reason why nothing can be stored now; None if all is well."""
        try:
            await self._store.append()
        except StoreError as error:
            return error
        return None

    async def stop(self) -> None:
        """Cancel the runs that are being started and are not stored yet."""
        await self._starting.stop()

    async def _execute(self, caller: McpClient, request: ToolCallArguments) -> ToolPayload:
        match request:
            case AskTeamArguments():
                return await self._ask(caller, request)
            case CheckQuestionArguments():
                return await self._questions.check(caller, request.question, request.wait_seconds)
            case CancelQuestionArguments():
                return await self._questions.cancel(caller, request.question)
            case StartRunArguments():
                return await self._complete(self._start_run(caller, request))
            case RunStatusArguments():
                return await self._runs.status(caller, request.run, request.wait_seconds)
            case _:
                assert_never(request)

    async def _ask(self, caller: McpClient, request: AskTeamArguments) -> ToolPayload:
        scope = self._request_scope(caller, request.channel, request.team)
        await self._check_authority(Act.SEE_TEAM, scope)

        async def check_quota() -> None:
            await self._check_quota(caller, question_quota_error)

        return await self._questions.ask(caller, request.ask, scope, check_quota, request.wait_seconds)

    async def _start_run(self, caller: McpClient, request: StartRunArguments) -> ToolPayload:
        scope = self._request_scope(caller, request.channel, request.team, request.model)
        self._commands.check_run(scope.team, request.task.strip())
        await self._check_authority(Act.START_RUN, scope)
        async with self._token_lock(caller.token):  # two equal calls at once start one run
            run = await self._runs.find_existing(caller, request, scope)
            if run is None:
                await self._check_quota(caller, run_quota_error)
                run = await self._runs.start(caller, request, scope)
        status = await self._runs.status(caller, run, 0.0)
        return {**status, "next": f"Call run_status with run {run}, and wait_seconds to wait for its answer."}

    async def _check_authority(self, act: Act, scope: RequestScope) -> None:
        """Check that the person for whom the agent works may do this in the channel: a token allows nothing beyond that.

        Raises:
            ToolCallDenied: the person may not, or the platform could not say.
        """
        verdict = await self._authority.in_place(act, Actor(person=scope.by, here=scope.place), scope.place)
        match verdict:
            case Verdict.ALLOWED:
                return
            case Verdict.NOT_PERMITTED | Verdict.GUEST:
                text = f"{scope.by.name}, for whom you work, may not start runs. [permissions] in townhall.toml says who may."
            case Verdict.HIDDEN:
                text = f"{scope.by.name}, for whom you work, cannot see the channel {scope.place.channel}."
            case _:
                text = f"Not done for {scope.by.name}: {refusal_text(act, verdict, 'channel')}"
        raise ToolCallDenied(text)

    async def _complete(self, work: Coroutine[Any, Any, ToolPayload]) -> ToolPayload:
        """Run `work` to its end even if the client disconnects: a run is started once, and its number is known to the token."""
        task = asyncio.ensure_future(work)
        self._starting.start(_ended(task))
        return await asyncio.shield(task)

    def _request_scope(self, caller: McpClient, channel: str | None, team: str | None, model: str | None = None) -> RequestScope:
        place = resolve_channel(caller, channel, self._platforms)
        resolved = self._commands.resolve_team(place, team or caller.access_token.scope.team, model).in_channel(place)
        return RequestScope(team=resolved, place=place, by=resolve_person(caller, place, self._directory))

    async def _check_quota(self, caller: McpClient, quota_error: QuotaRule) -> None:
        now = self._clock.now()
        activity = await self._store.token_activity(caller.token, self._budgets.begin_of_day(now))
        if refusal := quota_error(caller.access_token.scope, activity, now, self._budgets.zone):
            raise ToolCallDenied(refusal)


async def _ended(task: asyncio.Future[ToolPayload]) -> None:
    """Wait for `task`, and cancel it with this; its error belongs to the call that waits for it."""
    await asyncio.gather(task, return_exceptions=True)
