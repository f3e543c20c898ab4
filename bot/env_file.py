"""The `.env` file and the environment as one mapping that remembers where each value stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream

from bot.trouble import ConfigError, Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable's value and its place, such as `.env, line 3`. The value may be a secret, so it is not part of the repr."""

    value: str
    place: str

    def __repr__(self) -> str:
        return f"Found(place={self.place!r})"


def read_variables(file: Path, environ: Mapping[str, str]) -> dict[str, Variable]:
    """All variables that have a value; the environment wins over the file. An empty value counts as unset.

    Raises:
        Trouble: the file cannot be read, or a line of it is no assignment.
    """
    variables = _read_file(file)
    variables.update({name: Variable(value=value, place="the environment") for name, value in environ.items()})
    return {name: found for name, found in variables.items() if found.value.strip()}


def _read_file(file: Path) -> dict[str, Variable]:
    try:
        with file.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read", [_unreadable(file, error)]) from error
    broken = [binding.original.line for binding in bindings if binding.error or (binding.key and binding.value is None)]
    if broken:
        raise ConfigError(f"{file} cannot be read", [_not_an_assignment(file, line) for line in broken])
    return {
        binding.key: Variable(value=binding.value or "", place=f"{file.name}, line {binding.original.line}")
        for binding in bindings
        if binding.key is not None
    }


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> Problem:
    found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
    return Problem(where=str(file), found=str(found), expected="a text file of lines such as XAI_API_KEY=…")


def _not_an_assignment(file: Path, line: int) -> Problem:
    """The line itself is not shown: it may hold a secret."""
    return Problem(where=f"{file.name}, line {line}", found="a line that is no assignment", expected="NAME=value, or a # remark")
