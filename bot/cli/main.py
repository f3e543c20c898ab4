"""The command line. Each command imports its modules when it is called, so that `townhall --help` responds at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.errors import run_command
from bot.cli.setup import SetupGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from click.decorators import FC

    from orchestrator_bridge.store.interface import CostBy


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _as_json(content: str) -> Callable[[FC], FC]:
    return click.option("--json", "as_json", is_flag=True, help=f"Print {content} as one JSON object.")


@click.group(context_settings=_SETTINGS)
@click.version_option(package_name="townhall")
def cli() -> None:
    """Teams of agents and people work on a task and ask each other questions."""


@cli.command()
@click.option("--platform", "platforms", multiple=True, metavar="NAME", help="terminal, slack or discord; repeat for more.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Model for the team; repeat for up to three.")
@click.option("--server", metavar="URL", help="A model server of your own, such as http://localhost:11434/v1.")
@click.option("--yes", is_flag=True, help="Ask nothing: use the keys and tokens that are set, and every default.")
def init(platforms: tuple[str, ...], models: tuple[str, ...], server: str | None, yes: bool) -> int:
    """Set up platforms, keys and a team. Writes .env and townhall.toml, overwrites nothing, and ends with the doctor."""
    from bot.cli.init import InitOptions, initialise

    return initialise(InitOptions(platforms=platforms, models=models, server=server, ask=not yes))


@cli.command()
def run() -> int:
    """Start the bot. It uses every chat platform whose token is set, or else this terminal."""
    import asyncio

    from bot.app import load_config
    from bot.cli.run import run_bot

    return asyncio.run(run_bot(load_config()))


@cli.command()
@click.argument("task")
@click.option("--team", help="Team that works on the task; default: the team file's default team.")
@click.option("--model", help="Model for every agent, instead of their own.")
@click.option("--no-input", is_flag=True, help="Do not wait for people: questions fall back at once.")
@_as_json("the run")
def ask(task: str, team: str | None, model: str | None, no_input: bool, as_json: bool) -> int:
    """Give a team one TASK and wait for the answer. With `-`, read the task from standard input."""
    import asyncio

    from bot.app import load_config
    from bot.cli.ask import AskOptions, ask_once, task_from_input

    if task == "-":
        task, no_input = task_from_input(), True
    options = AskOptions(task=task, team=team, model=model, as_json=as_json, input=not no_input)
    return asyncio.run(ask_once(load_config(), options))


@cli.command()
@click.argument("search", default="")
@click.option("--refresh", is_flag=True, help="Download newer prices and the endpoints' lists of models into the data folder.")
@_as_json("the models")
def models(search: str, refresh: bool, as_json: bool) -> int:
    """List models. Shows host, context, prices, lifecycle and missing settings; SEARCH selects names that contain it."""
    from bot.app import load_config

    if refresh:
        import asyncio

        from bot.cli.refresh import refresh as update

        return asyncio.run(update(load_config()))
    from bot.cli.models import print_models

    print_models(load_config(), search, as_json)
    return 0


@cli.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Number of entries, newest first.")
@_as_json("the runs")
def runs(limit: int, as_json: bool) -> None:
    """List the newest runs with their state and cost."""
    from bot.cli.lookups import print_runs

    _run_lookup(print_runs, limit=limit, as_json=as_json)


@cli.command()
@click.option("--all", "everything", is_flag=True, help="Include closed questions.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Number of entries, newest first.")
@_as_json("the questions")
def questions(everything: bool, limit: int, as_json: bool) -> None:
    """List open questions."""
    from bot.cli.lookups import print_questions

    _run_lookup(print_questions, everything=everything, limit=limit, as_json=as_json)


@cli.command()
@click.argument("run", required=False, type=click.IntRange(min=1))
@click.option(
    "--by",
    type=click.Choice(["call", "agent", "run", "channel", "person", "day", "model"]),
    help="Group costs by this.",
)
@_as_json("the costs")
def cost(run: int | None, by: CostBy | None, as_json: bool) -> None:
    """Show the cost of agents and models, in all runs or in one RUN."""
    import asyncio

    from bot.app import load_config
    from bot.cli.lookups import print_costs, print_spending

    if by is None:
        _run_lookup(print_costs, run=run, as_json=as_json)
    else:
        asyncio.run(print_spending(load_config(), run, by, as_json))


@cli.command()
@click.argument("words", nargs=-1)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Number of entries, newest first.")
@_as_json("the decisions")
def decisions(words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List what was decided, by whom and when. With WORDS: the decisions that contain all of them."""
    from bot.cli.lookups import print_decisions

    _run_lookup(print_decisions, words=" ".join(words), limit=limit, as_json=as_json)


@cli.command()
@click.argument("run", type=click.IntRange(min=1))
def export(run: int) -> None:
    """Print the event log of RUN as JSON lines."""
    from bot.cli.lookups import print_log

    _run_lookup(print_log, run=run)


def _run_lookup(print_: Callable[..., Coroutine[None, None, None]], **options: object) -> None:
    """Run a command that needs the settings alone, such as a look-up in the store beside a bot that may be running."""
    import asyncio

    from bot.config.settings import read_settings

    asyncio.run(print_(read_settings(), **options))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@_as_json("the result")
def backup(file: Path, force: bool, as_json: bool) -> None:
    """Copy the database into FILE, also while the bot runs. The copy is checked before FILE appears."""
    from bot.cli.backup import print_backup

    _run_lookup(print_backup, file=file, force=force, as_json=as_json)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@_as_json("the result")
def restore(file: Path, as_json: bool) -> None:
    """Put the backup FILE in place of the database, which is kept beside it. The bot must not run."""
    from bot.cli.backup import print_restore

    _run_lookup(print_restore, file=file, as_json=as_json)


@cli.command("migrate-store")
@_as_json("the result")
def migrate_store(as_json: bool) -> None:
    """Move the SQLite file of the data folder into the PostgreSQL database of TOWNHALL_DATABASE."""
    from bot.cli.migrate_store import migrate_store

    _run_lookup(migrate_store, as_json=as_json)


@cli.command()
@_as_json("the processes")
def workers(as_json: bool) -> None:
    """List the processes on the PostgreSQL database of TOWNHALL_DATABASE: the active one and its standbys."""
    from bot.cli.workers import print_workers

    _run_lookup(print_workers, as_json=as_json)


@cli.command()
@click.option("--online", is_flag=True, help="Also ask every model's endpoint, and probe free models for tool calls.")
@click.option("--probe", is_flag=True, help="Also probe models that cost money; the price is shown first.")
@_as_json("the findings")
def doctor(online: bool, probe: bool, as_json: bool) -> int:
    """Check the installation. Covers settings, team file, models, tools, store, disk and chat platforms."""
    import asyncio

    from bot.doctor.report import print_report

    return asyncio.run(print_report(online=online, as_json=as_json, probe=probe))


@cli.command()
def mcp() -> None:
    """Serve MCP on standard input and output. Coding agents ask the team through the running bot."""
    import asyncio

    from bot.cli.mcp import serve_stdio

    asyncio.run(serve_stdio())


@cli.group()
def token() -> None:
    """Manage access tokens for MCP clients."""


@token.command("make")
@click.argument("name")
@click.option("--for", "person", metavar="@PERSON", help="Person whom `humans` means in the client's questions.")
@click.option("--channel", "channels", multiple=True, help="Channel for its questions, such as slack/C0123ABCD; repeat for more.")
@click.option("--team", help="Team whose agents and rules apply; default: the default team.")
@click.option("--open-questions", type=int, help="Questions that may be open at a time; default 5.")
@click.option("--questions-a-day", type=int, help="Questions a day; default 50.")
@click.option("--runs-a-day", type=int, help="Runs a day; default 20.")
@click.option("--money-a-day", help="US dollars a day for its runs and its questions to agents; default 5.00.")
@_as_json("the token")
def make_token(name: str, as_json: bool, **scope: object) -> None:
    """Create the token NAME and print it. It is not shown again."""
    import asyncio

    from bot.app import load_config
    from bot.cli.tokens import make_token

    asyncio.run(make_token(load_config(), name, scope, as_json))


@token.command("list")
@_as_json("the tokens")
def list_tokens(as_json: bool) -> None:
    """List all tokens with their scope, revoked ones too. The tokens themselves are not shown."""
    import asyncio

    from bot.app import load_config
    from bot.cli.tokens import list_tokens

    asyncio.run(list_tokens(load_config(), as_json))


@token.command("withdraw")
@click.argument("name")
def withdraw_token(name: str) -> None:
    """Revoke the token NAME immediately."""
    import asyncio

    from bot.app import load_config
    from bot.cli.tokens import withdraw_token

    asyncio.run(withdraw_token(load_config(), name))


@cli.group(cls=SetupGroup)
def setup() -> None:
    """Set up a chat platform."""


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, to be loaded from its start-up file."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(cli, {}, "townhall", "_TOWNHALL_COMPLETE").source())


@cli.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["installed", "call", "overhead", "at-once", "reply", "asleep"]),
    help="Measure only this row; repeat for more.",
)
@click.option("--quick", is_flag=True, help="Fewer samples and questions; takes some seconds.")
@click.option("--live", is_flag=True, help="Measure real MODELs: seconds to the first token, tokens a second. Costs money.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@_as_json("the figures")
def bench(only: tuple[str, ...], quick: bool, live: bool, models: tuple[str, ...], as_json: bool) -> int:
    """Measure Townhall, or MODELs with --live. Compares with the same work without Townhall; takes about three minutes."""
    import asyncio

    if live != bool(models):
        raise click.UsageError("--live needs MODELs and MODELs need --live: townhall bench --live grok-4.3 gpt-5-mini")
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
    """Values that must not appear in an error's text; none if the settings are wrong, because those errors show no secret."""
    from bot.config.errors import ConfigError
    from bot.config.settings import read_settings

    try:
        return read_settings().secrets()
    except ConfigError:
        return {}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command `townhall`."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by the parent process
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text files when a program starts
    sys.exit(run_command(lambda: cli.main(arguments, prog_name="townhall", standalone_mode=False), _secrets))
