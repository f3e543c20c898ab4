"""Exit codes and error blocks: every error becomes one block of text on standard error and an exit code, never a traceback.

0    success
1    an error; the text says what was found, what is expected and how to fix it. Also: the reader of our output is gone
2    wrong usage of the command line
130  Ctrl-C
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from orchestrator_bridge.common.errors import TownhallError

INTERRUPTED = 130


def run_command(command: Callable[[], object], secrets: Callable[[], Mapping[str, str]] = dict) -> int:
    """Run a command, print its error if it fails, and return its exit code. `secrets`: values that must not be printed."""
    try:
        result = command()
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        from orchestrator_bridge.common.redaction import Redactor

        text = str(error) if isinstance(error, TownhallError) else _internal_error_text(error)
        click.echo(f"townhall: {Redactor(secrets()).clean(text)}", err=True)
        return 1
    return result if isinstance(result, int) else 0


def _internal_error_text(error: Exception) -> str:
    """An unexpected exception, with the places in the code that a bug report needs."""
    steps = traceback.extract_tb(error.__traceback__)
    places = "\n".join(f"    {_short(step.filename)}, line {step.lineno}, in {step.name}" for step in steps[-8:])
    return f"internal error; please report it\n  {type(error).__name__}: {error}\n{places}"


def _short(filename: str) -> str:
    path = Path(filename)
    root = Path(__file__).parents[2]
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name
