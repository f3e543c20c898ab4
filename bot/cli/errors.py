"""How a command ends: whatever goes wrong becomes one block of text on standard error and an exit code, never a traceback.

0    done
1    something is wrong; the text says what, and how to mend it; or nobody reads our output any more
2    the command was not understood
130  Ctrl-C
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from bot.config.errors import ConfigError

INTERRUPTED = 130


def run_command(command: Callable[[], object], secrets: Callable[[], Mapping[str, str]] = dict) -> int:
    """Carry out a command and say what went wrong with it. `secrets` gives the values that must not stand in what is said."""
    try:
        result = command()
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        _print_error(error, secrets)
        return 1
    return result if isinstance(result, int) else 0


def _print_error(error: Exception, secrets: Callable[[], Mapping[str, str]]) -> None:
    text = str(error) if isinstance(error, _known_errors()) else _internal_error_text(error)
    click.echo(f"townhall: {_redacted(text, secrets)}", err=True)


def _known_errors() -> tuple[type[Exception], ...]:
    """Errors whose text is made for people. Imported only now: a command that succeeds needs none of them."""
    from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
    from orchestrator_bridge.model.catalogue import UnknownModelName
    from orchestrator_bridge.model.errors import ModelError
    from orchestrator_bridge.model.scripted.script import ScriptError
    from orchestrator_bridge.store.interface import StoreError

    return (ConfigError, StoreError, SendRejected, NotSent, SendUncertain, ModelError, UnknownModelName, ScriptError)


def _internal_error_text(error: Exception) -> str:
    """A fault in Townhall itself: where it happened is what a report needs."""
    steps = traceback.extract_tb(error.__traceback__)
    places = "\n".join(f"    {_short(step.filename)}, line {step.lineno}, in {step.name}" for step in steps[-8:])
    return f"this is a fault of Townhall itself, please report it\n  {type(error).__name__}: {error}\n{places}"


def _short(filename: str) -> str:
    path = Path(filename)
    root = Path(__file__).parents[2]
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _redacted(text: str, secrets: Callable[[], Mapping[str, str]]) -> str:
    from orchestrator_bridge.common.redaction import Redactor

    return Redactor(secrets()).clean(text)
