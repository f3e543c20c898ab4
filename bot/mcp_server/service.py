"""The porter: carries out what agents outside want, within their tokens' terms, and says why where it does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.commands.dispatch import ChatCommands
from bot.config.errors import ConfigError
from bot.mcp_server.questions import QuestionTools
from bot.mcp_server.runs import RunTools, check_may_start
from bot.mcp_server.scopes import (
    McpClient,
    RequestScope,
    ToolCallDenied,
    question_quota_error,
    resolve_channel,
    resolve_person,
    run_quota_error,
)
from bot.mcp_server.tools import (
    AskTeamArguments,
    CancelQuestionArguments,
    CheckQuestionArguments,
    RunStatusArguments,
    StartRunArguments,
    ToolCallArguments,
    parse_tool_arguments,
)
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.run.agent_tools import InvalidToolCall
from orchestrator_bridge.store.interface import Store, StoreError
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.directory import Directory

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

ToolPayload = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResponse:
    """What a tool gives back: an object, or (`denial`) why there is none."""

    payload: ToolPayload
    denial: str = ""


class ToolService:
    """Serves every token; `platforms` are those that the bot is on."""

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
        self._platforms = platforms
        self._questions = QuestionTools(engine.external_agents, store, clock)
        self._runs = RunTools(engine, store, clock)
        self._turn = engine.external_agents.lock_for
        self._begun: set[asyncio.Task[Any]] = set()

    async def call(self, caller: McpClient, tool: str, arguments: Mapping[str, Any]) -> ToolResponse:
        """Carry out one call of a tool. Whoever is cancelled here gives up waiting, and nothing that was begun."""
        wish = parse_tool_arguments(tool, arguments)
        if isinstance(wish, InvalidToolCall):
            return ToolResponse(payload={}, denial=wish.text)
        try:
            return ToolResponse(payload=await self._dispatch(caller, wish))
        except (ToolCallDenied, ConfigError, StoreError) as error:
            return ToolResponse(payload={}, denial=str(error))
        except Exception as error:
            _LOG.exception("%s of token %s broke", tool, caller.token)
            return ToolResponse(
                payload={}, denial=f"Something in Townhall broke ({type(error).__name__}); its log has the details."
            )

    async def _dispatch(self, caller: McpClient, wish: ToolCallArguments) -> ToolPayload:
        match wish:
            case AskTeamArguments():
                return await self._ask(caller, wish)
            case CheckQuestionArguments():
                return await self._questions.check(caller, wish.question, wish.wait_seconds)
            case CancelQuestionArguments():
                return await self._questions.cancel(caller, wish.question)
            case StartRunArguments():
                return await self._shielded(self._start(caller, wish))
            case RunStatusArguments():
                return await self._runs.status(caller, wish.run, wish.wait_seconds)

    async def _ask(self, caller: McpClient, wish: AskTeamArguments) -> ToolPayload:
        ground = self._request_scope(caller, wish.channel, wish.team)

        async def allowed() -> None:
            await self._check_quota(caller, question_quota_error)

        return await self._questions.ask(caller, wish.ask, ground, allowed, wish.wait_seconds)

    async def _start(self, caller: McpClient, wish: StartRunArguments) -> ToolPayload:
        ground = self._request_scope(caller, wish.channel, wish.team, wish.model)
        self._commands.check_run(ground.team, wish.task.strip())
        check_may_start(ground.by, self._directory.may(ground.by, "start", ground.place))
        async with self._turn(caller.token):
            run = await self._runs.find_existing(caller, wish, ground)
            if run is None:
                await self._check_quota(caller, run_quota_error)
                run = await self._runs.start(caller, wish, ground)
        told = await self._runs.status(caller, run, 0.0)
        return {**told, "next": f"Call run_status with run {run}, and wait_seconds to wait for its answer."}

    def _request_scope(self, caller: McpClient, channel: str | None, team: str | None, model: str | None = None) -> RequestScope:
        place = resolve_channel(caller, channel, self._platforms)
        chosen = self._commands.resolve_team(place, team or caller.access_token.scope.team, model).in_channel(place)
        return RequestScope(team=chosen, place=place, by=resolve_person(caller, place, self._directory))

    async def _check_quota(self, caller: McpClient, why_not: Callable[..., str]) -> None:
        now = self._clock.now()
        use = await self._store.token_activity(caller.token, self._budgets.begin_of_day(now))
        refusal = why_not(caller.access_token.scope, use, now, self._budgets.zone)
        if refusal:
            raise ToolCallDenied(refusal)

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Bring something to its end, whether or not somebody waits for it."""
        task = asyncio.create_task(work)
        self._begun.add(task)
        task.add_done_callback(self._on_done)
        return await asyncio.shield(task)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else is to be warned that nobody did

    async def stop(self) -> None:
        """Give up what is not stored yet."""
        for task in list(self._begun):
            task.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)
