"""The files that `townhall init` writes: variables for `.env`, and a first team for `townhall.toml`. Pure text in, text out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import cycle

ENV_HEADER = """\
# Secrets and addresses of Townhall, written by `townhall init`. The environment takes precedence over this file.
# docs/settings.md lists everything that can be set here.
"""
TEAM_HEADER = """\
# Teams, people and rules. Do not put secrets here: they go into .env.
# `townhall doctor` checks this file; docs/settings.md lists everything that can be set here.
"""
_AGENTS = (
    ("planner", "You argue for the simplest plan that solves the problem, in small steps that can be undone."),
    ("skeptic", "You look for what could go wrong, and for what nobody has checked."),
    ("operator", "You run the result in production, and ask the people who decide."),
)
_DEFAULT_TEAM = re.compile(r"^default_team\s*=.*$", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,-]+")


def with_variables(text: str, values: Mapping[str, str]) -> str:
    """The text of a `.env` file with more variables: on their empty lines if it has such lines, else at its end.

    A line with a value is not changed: who calls leaves out variables that are set.
    """
    text = text or ENV_HEADER
    for name, value in values.items():
        line = f"{name}={value if _PLAIN.fullmatch(value) else _quoted(value)}"
        empty = re.compile(rf"^[ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*=[ \t]*(?:''|\"\")?[ \t]*$", re.MULTILINE)
        if empty.search(text):
            text = empty.sub(lambda _, line=line: line, text, count=1)  # type: ignore[misc]  # a default binds the loop's value
        else:
            text += ("" if text.endswith("\n") else "\n") + line + "\n"
    return text


def _quoted(value: str) -> str:
    """A value in single quotes, in which dotenv reads nothing but `\\'` and `\\\\` specially."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def with_team(text: str, name: str, models: Sequence[str], server: Mapping[str, str] | None = None) -> str:
    """The text of a team file with one more team, which becomes the default team.

    `models` are given to the agents in turn. `server` holds the addresses of model servers of one's own, by model.
    """
    text = text or TEAM_HEADER
    line = f"default_team = {json.dumps(name)}"
    if _DEFAULT_TEAM.search(text):
        text = _DEFAULT_TEAM.sub(lambda _: line, text, count=1)
    else:  # a key of the file itself must stand before its first table
        first = re.search(r"^\[", text, re.MULTILINE)
        at = first.start() if first else len(text)
        text = f"{text[:at]}{line}\n\n{text[at:]}"
    blocks = [_team_block(name, models), *(_model_block(model, url) for model, url in (server or {}).items())]
    return text.rstrip("\n") + "\n\n\n" + "\n".join(blocks)


def _team_block(name: str, models: Sequence[str]) -> str:
    about = "Three views on a task; they ask you what only people can decide."
    lines = [f"[team.{name}]", f"about = {json.dumps(about)}", 'ask = ["humans"]']
    for (agent, persona), model in zip(_AGENTS, cycle(models), strict=False):
        lines += ["", f"[[team.{name}.agents]]", f"name = {json.dumps(agent)}"]
        lines += [f"model = {json.dumps(model)}", f"persona = {json.dumps(persona)}"]
    return "\n".join(lines) + "\n"


def _model_block(model: str, url: str) -> str:
    lines = [f"[models.{json.dumps(model)}]", f"base_url = {json.dumps(url)}", "input = 0", "output = 0"]
    return "\n".join(lines) + "\n"
