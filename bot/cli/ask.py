"""`townhall ask`: one run on the terminal, from the task to its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import click

from adapters.terminal.adapter import TerminalAdapter
from adapters.terminal.board import TERMINAL_PLACE
from adapters.terminal.screen import TerminalDevice
from bot.app import App, LoadedConfig, open_app, open_log_file, temporary_store_path
from bot.config.errors import ConfigError, Problem
from bot.config.explain import split_message
from bot.formatting import print_json
from bot.storage import StoreLocation, location_name
from orchestrator_bridge.chat.outbound import FinalAnswer, OutboundPost, PostedMessage
from orchestrator_bridge.common.text import clean
from orchestrator_bridge.model.catalogue import UnknownModelName, resolve
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.parameters import unsupported_value
from orchestrator_bridge.store.interface import InUse, QuestionSummary, RunSummary
from orchestrator_bridge.team.team import AgentSpec, Team

DISPLAY_TIMEOUT = 15.0
"""Seconds to wait after a run's end until all of it is shown: an output that is blocked must not keep the process."""

EXIT_LEFT = 130
"""Exit code if the user left before the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AskOptions:
    """Options of the command. `model` replaces that of every agent. Without `input`, questions fall back at once."""

    task: str
    team: str | None = None
    model: str | None = None
    as_json: bool = False
    input: bool = True


def task_from_input() -> str:
    """Read standard input to its end."""
    return "" if sys.stdin is None else sys.stdin.buffer.read().decode("utf-8", "replace")


class OneRunTerminal(TerminalAdapter):
    """A terminal for one run. With `as_json` the final text is not shown, because the JSON contains it."""

    def __init__(self, device: TerminalDevice, *, as_json: bool) -> None:
        super().__init__(device, quiet=as_json, takes_tasks=False)
        self._as_json = as_json

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Show the post."""
        if self._as_json and isinstance(outbound.post, FinalAnswer):
            return PostedMessage(message=outbound.key, thread=None, at=outbound.since)
        return await super().send(outbound)


async def ask_once(start: LoadedConfig, options: AskOptions) -> int:
    """Carry out one run; returns the exit code: 0 if it has an answer, 130 if the user left before, else 1.

    Raises:
        ConfigError: there is no such team, or the run cannot start.
        StoreError: the store cannot be opened.
    """
    open_log_file(start)
    task = clean(options.task).strip()
    team = _team(start, options)
    for line in dropped_parameters(start.team_file.team(options.team), team):
        click.echo(f"townhall: warning: {line}", err=True)
    device = TerminalDevice(
        stdin=sys.stdin if options.input else None, screen=sys.stderr, answers=None if options.as_json else sys.stdout
    )
    terminal = OneRunTerminal(device, as_json=options.as_json)
    async with _open_app(start, terminal) as (app, location):
        app.commands.check_run(team, task)
        # Not start(): that would resume, and pay for, the unfinished runs of this store. They wait for `townhall run`.
        await app.engine.start_afresh()
        run = await app.engine.start_run(task=task, team=team, place=TERMINAL_PLACE, by=terminal.author)
        async with _cancelled_on_exit(app, terminal, run):
            if not await _wait_end(app, terminal, run):
                return EXIT_LEFT
        (summary,) = (summary for summary in await app.store.runs() if summary.run == run)
        questions = [question for question in await app.store.questions() if question.run == run]
    if options.as_json:
        print_json(_run_object(summary, questions, team, location_name(location)))
    return 0 if summary.status == "finished" else 1


def _team(start: LoadedConfig, options: AskOptions) -> Team:
    team = start.team_file.team(options.team)
    if options.model is None:
        return team
    try:
        resolve(options.model, start.team_file.models)
    except UnknownModelName as error:
        found, expected = split_message(str(error))
        raise ConfigError("there is no such model", [Problem(where="--model", found=found, expected=expected)]) from error
    agents = tuple(with_model(agent, options.model, start.team_file.models) for agent in team.agents)
    return team.model_copy(update={"agents": agents})


def with_model(agent: AgentSpec, model: str, own: Mapping[str, ModelSpec]) -> AgentSpec:
    """The agent with another model, without the parameters that this model does not accept.

    Raises:
        UnknownModelName: there is no such model.
    """
    route = resolve(model, own)
    rejected = [key for key, value in agent.parameters.items() if unsupported_value(route, key, value)]
    return agent.model_copy(update={"model": model, **dict.fromkeys(rejected)})


def dropped_parameters(before: Team, after: Team) -> list[str]:
    """One sentence for each agent that lost parameters with its model."""
    sentences = []
    for old, new in zip(before.agents, after.agents, strict=True):
        if keys := [key for key in old.parameters if key not in new.parameters]:
            sentences.append(f"{new.model} does not accept {', '.join(keys)} as set for {new.name}: left out.")
    return sentences


@asynccontextmanager
async def _open_app(start: LoadedConfig, terminal: TerminalAdapter) -> AsyncIterator[tuple[App, StoreLocation]]:
    """The bot on the usual store, or on a temporary file while another process uses that."""
    async with AsyncExitStack() as stack:
        location: StoreLocation = start.settings.location
        try:
            app = await stack.enter_async_context(open_app(start, [terminal], location))
        except InUse:
            used, location = location_name(location), temporary_store_path()
            click.echo(f"townhall: {used} is in use by a running bot; this run is stored in {location}", err=True)
            app = await stack.enter_async_context(open_app(start, [terminal], location))
        yield app, location


@asynccontextmanager
async def _cancelled_on_exit(app: App, terminal: OneRunTerminal, run: int) -> AsyncIterator[None]:
    """Cancel the run if it has not ended when the user leaves or presses Ctrl-C: `townhall run` would resume, and pay for, it."""
    try:
        yield
    finally:
        app.engine.cancel_run(run, terminal.author, "")  # has no effect on a run that has ended
        with suppress(TimeoutError):
            async with asyncio.timeout(DISPLAY_TIMEOUT):
                await app.engine.wait_ended(run)


async def _wait_end(app: App, terminal: OneRunTerminal, run: int) -> bool:
    """Wait until the run has ended and all of it is shown; False if the user left before."""
    ended = asyncio.create_task(app.engine.wait_ended(run))
    left = asyncio.create_task(terminal.wait_exit())
    try:
        await asyncio.wait([ended, left], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and left.result() == "left":
            return False
        await ended
        # The run has ended, but its last posts may still be in the outbox.
        with suppress(TimeoutError):
            async with asyncio.timeout(DISPLAY_TIMEOUT):
                await app.engine.wait_finished()
        return True
    finally:
        ended.cancel()
        left.cancel()


def _run_object(summary: RunSummary, questions: list[QuestionSummary], team: Team, store: str) -> dict[str, object]:
    """The run as a JSON object. Times are seconds since the epoch; money is US dollars as text, null if it is unknown."""
    return {
        "run": summary.run,
        "status": summary.status,
        "result": summary.result,
        "task": summary.task,
        "team": summary.team,
        "agents": [{"name": agent.name, "model": agent.model} for agent in team.agents],
        "started_at": summary.started_at,
        "ended_at": summary.ended_at,
        "calls": summary.calls,
        "tokens": summary.tokens,
        "cost_usd": summary.cost,
        "questions": [
            {
                "question": question.question,
                "agent": question.agent,
                "text": question.text,
                "status": question.status,
                "outcome": question.line,
            }
            for question in reversed(questions)
        ],
        "store": store,
    }
