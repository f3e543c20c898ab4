"""The command line. Each command imports what it needs when it is called, so that `townhall --help` is there at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bot.cli.errors import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from click.decorators import FC

    from orchestrator_bridge.store.interface import CostBy


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _as_json(what: str) -> Callable[[FC], FC]:
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as one JSON object, and nothing else.")


@click.group(context_settings=_SETTINGS)
@click.version_option(package_name="townhall")
def cli() -> None:
    """Agents and people work on one task together, and ask one another."""


@cli.command()
def run() -> int:
    """Start the bot. Without a token the terminal is the platform."""
    import asyncio

    from bot.app import load_config
    from bot.cli.run import run_bot

    return asyncio.run(run_bot(load_config()))


@cli.command()
@click.argument("task")
@click.option("--team", help="A team of the team file, instead of its default.")
@click.option("--model", help="The model of every agent, instead of their own.")
@click.option("--no-input", is_flag=True, help="Nobody is there to answer: questions fall back at once.")
@_as_json("the run")
def ask(task: str, team: str | None, model: str | None, no_input: bool, as_json: bool) -> int:
    """Give a team one TASK and wait for the answer. With `-` the task is what standard input holds."""
    import asyncio

    from bot.app import load_config
    from bot.cli.ask import AskOptions, ask_once, task_from_input

    if task == "-":
        task, no_input = task_from_input(), True
    wish = AskOptions(task=task, team=team, model=model, as_json=as_json, input=not no_input)
    return asyncio.run(ask_once(load_config(), wish))


@cli.command()
@click.argument("search", default="")
@_as_json("the models")
def models(search: str, as_json: bool) -> None:
    """Models with their hosts, prices, context, lifecycle and what each lacks; those with SEARCH in their names."""
    from bot.app import load_config
    from bot.cli.models import print_models

    print_models(load_config(), search, as_json)


@cli.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many, newest first.")
@_as_json("the runs")
def runs(limit: int, as_json: bool) -> None:
    """The newest runs: their state, cost and result."""
    from bot.cli.lookups import print_runs

    _run_lookup(print_runs, limit=limit, as_json=as_json)


@cli.command()
@click.option("--all", "everything", is_flag=True, help="Also questions that have ended.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many, newest first.")
@_as_json("the questions")
def questions(everything: bool, limit: int, as_json: bool) -> None:
    """The questions that wait for somebody."""
    from bot.cli.lookups import print_questions

    _run_lookup(print_questions, everything=everything, limit=limit, as_json=as_json)


@cli.command()
@click.argument("run", required=False, type=click.IntRange(min=1))
@click.option(
    "--by",
    type=click.Choice(["call", "agent", "run", "channel", "person", "day", "model"]),
    help="Sum by this, instead of every detail.",
)
@_as_json("the costs")
def cost(run: int | None, by: CostBy | None, as_json: bool) -> None:
    """What agents and models have cost, in all runs or in one RUN."""
    import asyncio

    from bot.app import load_config
    from bot.cli.lookups import print_costs, print_spending

    if by is None:
        _run_lookup(print_costs, run=run, as_json=as_json)
    else:
        asyncio.run(print_spending(load_config(), run, by, as_json))


@cli.command()
@click.argument("run", type=click.IntRange(min=1))
def export(run: int) -> None:
    """Print the log of RUN as JSON lines."""
    from bot.cli.lookups import print_log

    _run_lookup(print_log, run=run)


def _run_lookup(print_: Callable[..., Coroutine[None, None, None]], **wanted: object) -> None:
    """Carry out a look-up in the store of the settings, beside a bot that may be running."""
    import asyncio

    from bot.config.settings import read_settings

    asyncio.run(print_(read_settings().store, **wanted))


@cli.command()
@click.option("--online", is_flag=True, help="Also ask every model's endpoint whether it answers.")
@_as_json("the findings")
def doctor(online: bool, as_json: bool) -> int:
    """Check settings, team file, models, store, disk, chat platforms."""
    import asyncio

    from bot.doctor.report import print_report

    return asyncio.run(print_report(online=online, as_json=as_json))


@cli.command()
def mcp() -> None:
    """An MCP server on standard input and output: coding agents ask the team through the running bot."""
    import asyncio

    from bot.cli.mcp import serve_stdio

    asyncio.run(serve_stdio())


@cli.group()
def token() -> None:
    """Tokens with which agents outside come in: make, list, withdraw."""


@token.command("make")
@click.argument("name")
@click.option("--for", "person", metavar="@PERSON", help="On whose behalf its agents ask: whom `humans` means.")
@click.option("--channel", "channels", multiple=True, help="Where they may ask, such as slack/C0123ABCD; repeat for more.")
@click.option("--team", help="Whose rules and agents they get, instead of the default team.")
@click.option("--open-questions", type=int, help="Questions that may be open at a time; default 5.")
@click.option("--questions-a-day", type=int, help="Default 50.")
@click.option("--runs-a-day", type=int, help="Runs that may be started in a day; default 20.")
@click.option("--money-a-day", help="US dollars that its runs and its questions to agents may cost in a day; default 5.00.")
@_as_json("the token")
def make_token(name: str, as_json: bool, **terms: object) -> None:
    """Make the token NAME and show it, this once."""
    import asyncio

    from bot.app import load_config
    from bot.cli.tokens import make_token

    asyncio.run(make_token(load_config(), name, terms, as_json))


@token.command("list")
@_as_json("the tokens")
def list_tokens(as_json: bool) -> None:
    """Every token with its terms, withdrawn ones too; never the token itself."""
    import asyncio

    from bot.app import load_config
    from bot.cli.tokens import list_tokens

    asyncio.run(list_tokens(load_config(), as_json))


@token.command("withdraw")
@click.argument("name")
def withdraw_token(name: str) -> None:
    """Make the token NAME good for nothing, at once."""
    import asyncio

    from bot.app import load_config
    from bot.cli.tokens import withdraw_token

    asyncio.run(withdraw_token(load_config(), name))


@cli.group()
def setup() -> None:
    """Set up a chat platform."""


@setup.command()
def discord() -> None:
    """Print the link that invites the bot, with the permissions that it needs."""
    import asyncio

    from bot.cli.setup import print_invite
    from bot.config.settings import read_settings

    asyncio.run(print_invite(read_settings()))


@setup.command()
@click.option("--url", help="For HTTP mode: the public address that leads to this bot, such as https://bot.example/slack/events.")
def slack(url: str | None) -> None:
    """Print the app manifest to paste at api.slack.com/apps."""
    from bot.cli.setup import print_manifest

    print_manifest(url)


@cli.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["installed", "call", "overhead", "at-once", "reply", "asleep"]),
    help="Only this row.",
)
@click.option("--quick", is_flag=True, help="Fewer samples and fewer questions: a look in some seconds.")
@click.option("--live", is_flag=True, help="Call these real MODELs: seconds to the first token, tokens a second. It costs money.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@_as_json("the figures")
def bench(only: tuple[str, ...], quick: bool, live: bool, models: tuple[str, ...], as_json: bool) -> int:
    """Measure Townhall beside the bare floor of the same work; takes about three minutes. With --live: measure MODELs."""
    import asyncio

    if live != bool(models):
        raise click.UsageError("--live and models belong together: townhall bench --live grok-4.3 gpt-5-mini")
    if live:
        from bot.app import load_config
        from bot.bench.live import live_figures

        return asyncio.run(live_figures(load_config(), models, as_json))

    from bot.app import tune_gc
    from bot.bench.main import FULL, QUICK
    from bot.bench.main import bench as measure

    tune_gc()
    asyncio.run(measure(only=only, sizes=QUICK if quick else FULL, as_json=as_json))
    return 0


def _secrets() -> Mapping[str, str]:
    """What must not stand in an error's text; nothing if it is the settings that are wrong, for those errors show none."""
    from bot.config.errors import ConfigError
    from bot.config.settings import read_settings

    try:
        return read_settings().secrets()
    except ConfigError:
        return {}


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry of the command `townhall`."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started us
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text files when a program starts
    sys.exit(run_command(lambda: cli.main(arguments, prog_name="townhall", standalone_mode=False), _secrets))
