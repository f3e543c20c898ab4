"""Read and check `townhall.toml`; every error has its line, what was found, what is expected, and a fix."""

from __future__ import annotations

import operator
import tomllib
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config.errors import ConfigError, Problem, broken_link, count_problems
from bot.config.explain import KeyPath, explain
from bot.config.platforms import installed_platforms
from bot.config.references import References
from bot.config.team_schema import TeamFile
from bot.config.toml_source import TomlSource


def read_team_file(file: Path, must_exist: bool = False) -> TeamFile:
    """Read and check a team file. Without a file it is the demo team, unless the file `must_exist`.

    Raises:
        ConfigError: something in it is wrong; all problems are listed with their lines.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        is_link = file.is_symlink()
        if not (must_exist or is_link):
            return TeamFile()
        problem = Problem(
            where=f"TOWNHALL_TEAM_FILE={file}" if must_exist else str(file),
            found=broken_link(file) if is_link else "no such file",
            expected="a team file",
            fix="correct the name, or leave it empty for ./townhall.toml" if must_exist else "remove the link or correct it",
        )
        raise ConfigError("the team file is missing", [problem]) from None
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        problem = Problem(where=str(file), found=str(found), expected="a readable TOML file in UTF-8")
        raise ConfigError("the team file cannot be read", [problem]) from error
    return parse_team_file(text, file)


def parse_team_file(text: str, file: Path) -> TeamFile:
    """The team file with this text.

    Raises:
        ConfigError: something in it is wrong; all problems are listed with their lines.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: {count_problems(1)}", [_invalid_toml(file, error)]) from None
    source = TomlSource(file.name, text, document, TeamFile, installed_platforms().with_accounts)
    # Before broken tables are cut out of the document: a name of one of them is not unknown.
    names = {kind: list(table) for kind, table in document.items() if isinstance(table, dict)}
    team_file = _validate(document, file.parent, source)
    References(team_file, names, source).check(file.parent)
    if source.problems:
        raise ConfigError(f"{file}: {count_problems(len(source.problems))}", source.problems)
    team_file._file = file
    return team_file


def _validate(document: dict[str, Any], folder: Path, source: TomlSource) -> TeamFile:
    """Check the document. What is wrong is reported, cut out, and the rest checked again.

    pydantic stops at the first layer of errors: a table with an unknown key is not checked as a whole, and there is no value
    whose references could be checked. With the errors cut out, one start of Townhall shows all problems of the file. Unknown
    keys are cut out first and alone; when none are left, the tables with wrong values are.
    """
    while True:
        try:
            return TeamFile.model_validate(document, context={"folder": folder, "platforms": installed_platforms().with_accounts})
        except ValidationError as error:
            explain(error, source)
            details = error.errors(include_url=False)
            unknown = {source.locate(detail) for detail in details if detail["type"] == "extra_forbidden"}
            for *tables, key in unknown or {_table_of(source.locate(detail), document) for detail in details}:
                reduce(operator.getitem, tables, document).pop(key)  # type: ignore[arg-type]


def _table_of(path: KeyPath, document: Mapping[str, Any]) -> KeyPath:
    """The path of the table `[kind.name]` that holds a key, or of the top-level key."""
    is_named = path[0] in ("team", "people", "roles", "models", "tools") and isinstance(document[str(path[0])], dict)
    return path[:2] if is_named else path[:1]


def _invalid_toml(file: Path, error: tomllib.TOMLDecodeError | RecursionError) -> Problem:
    """The parser's message, with its place in front: `Expected '=' after a key in a key/value pair (at line 3, column 8)`."""
    if isinstance(error, RecursionError):
        return Problem(where=file.name, found="brackets nested hundreds deep", expected="tables and lists a few levels deep")
    message, _, place = str(error).removesuffix(")").partition(" (at ")
    where = f"{file.name}, {place}" if place else file.name
    fix = "join the tables or keys that are written twice" if "overwrite" in message or "twice" in message else ""
    return Problem(where=where, found=message, expected="valid TOML", fix=fix)
