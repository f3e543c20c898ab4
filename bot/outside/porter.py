"""The porter: carries out what agents outside want, within their tokens' terms, and says why where it does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.commands import Commands
from bot.outside.ground import Caller, Ground, Refused, behalf_of, channel_for
from bot.outside.limits import no_question, no_run
from bot.outside.questions import Questions
from bot.outside.runs import Runs, starter
from bot.outside.tools import AskTeam, CancelQuestion, CheckQuestion, RunStatus, StartRun, Wish, read_wish
from bot.trouble import Trouble
from orchestrator_bridge.clock import Clock
from orchestrator_bridge.engine import Engine
from orchestrator_bridge.money.budgets import Budgets
from orchestrator_bridge.people import Directory
from orchestrator_bridge.run.tools import InvalidToolCall
from orchestrator_bridge.store.port import Store, StoreError

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

Told = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a tool gives back: an object, or (`refused`) why there is none."""

    told: Told
    refused: str = ""


class Porter:
    """Serves every token; `platforms` are those that the bot is on."""

    def __init__(
        self,
        *,
        engine: Engine,
        commands: Commands,
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
        self._questions = Questions(engine.external_agents, store, clock)
        self._runs = Runs(engine, store, clock)
        self._turn = engine.external_agents.lock_for
        self._begun: set[asyncio.Task[Any]] = set()

    async def serve(self, caller: Caller, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Carry out one call of a tool. Whoever is cancelled here gives up waiting, and nothing that was begun."""
        wish = read_wish(tool, arguments)
        if isinstance(wish, InvalidToolCall):
            return Answer(told={}, refused=wish.text)
        try:
            return Answer(told=await self._serve(caller, wish))
        except (Refused, Trouble, StoreError) as error:
            return Answer(told={}, refused=str(error))
        except Exception as error:
            _LOG.exception("%s of token %s broke", tool, caller.token)
            return Answer(told={}, refused=f"Something in Townhall broke ({type(error).__name__}); its log has the details.")

    async def _serve(self, caller: Caller, wish: Wish) -> Told:
        match wish:
            case AskTeam():
                return await self._ask(caller, wish)
            case CheckQuestion():
                return await self._questions.check(caller, wish.question, wish.wait_seconds)
            case CancelQuestion():
                return await self._questions.cancel(caller, wish.question)
            case StartRun():
                return await self._surely(self._start(caller, wish))
            case RunStatus():
                return await self._runs.status(caller, wish.run, wish.wait_seconds)

    async def _ask(self, caller: Caller, wish: AskTeam) -> Told:
        ground = self._ground(caller, wish.channel, wish.team)

        async def allowed() -> None:
            await self._allowed(caller, no_question)

        return await self._questions.ask(caller, wish.ask, ground, allowed, wish.wait_seconds)

    async def _start(self, caller: Caller, wish: StartRun) -> Told:
        ground = self._ground(caller, wish.channel, wish.team, wish.model)
        self._commands.check(ground.team, wish.task.strip())
        starter(ground.by, self._directory.may(ground.by, "start", ground.place))
        async with self._turn(caller.token):
            run = await self._runs.begun(caller, wish, ground)
            if run is None:
                await self._allowed(caller, no_run)
                run = await self._runs.start(caller, wish, ground)
        told = await self._runs.status(caller, run, 0.0)
        return {**told, "next": f"Call run_status with run {run}, and wait_seconds to wait for its answer."}

    def _ground(self, caller: Caller, channel: str | None, team: str | None, model: str | None = None) -> Ground:
        place = channel_for(caller, channel, self._platforms)
        chosen = self._commands.chosen(place, team or caller.through.terms.team, model).in_channel(place)
        return Ground(team=chosen, place=place, by=behalf_of(caller, place, self._directory))

    async def _allowed(self, caller: Caller, why_not: Callable[..., str]) -> None:
        now = self._clock.now()
        use = await self._store.token_activity(caller.token, self._budgets.begin_of_day(now))
        refusal = why_not(caller.through.terms, use, now, self._budgets.zone)
        if refusal:
            raise Refused(refusal)

    async def _surely(self, work: Coroutine[Any, Any, T]) -> T:
        """Bring something to its end, whether or not somebody waits for it."""
        task = asyncio.create_task(work)
        self._begun.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else is to be warned that nobody did

    async def stop(self) -> None:
        """Give up what is not stored yet."""
        for task in list(self._begun):
            task.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)
