"""The script of a played model: a TOML file with, for every agent, the turns that it can take.

    about = "One line about the script."

    [[agents.planner]]            # a turn of the agent called planner; "*" stands for everybody without turns of their own
    needs = ["new_answer"]        # what it waits for: the first turn of which all holds is played
    unused = ["new_answer"]
    takes = "0.8s"
    calls = [{ tool = "new_answer", arguments = { content = "Begin small with {task}." } }]

Texts may hold the places that `script_words` fills in.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestrator_bridge.duration import Duration
from orchestrator_bridge.model.script_words import unknown_placeholders

BUILT_IN_SCRIPTS = Path(__file__).parent / "scripts"
"""The scripts that come with Townhall."""

ANY_AGENT = "*"


class ScriptError(ValueError):
    """A script that is missing or wrong. The message names the file, the key, what was found and what is expected."""


class ScriptValue(BaseModel):
    """A frozen value that takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _checked_template(text: str) -> str:
    if unknown := unknown_placeholders(text):
        raise ValueError(f"nothing fills in {', '.join(unknown)}; write one of those that script_words.py lists")
    return text


class ScriptToolUse(ScriptValue):
    """One tool call: `arguments` as a table, or `raw` as the text that a careless model would send."""

    tool: Annotated[str, Field(min_length=1)]
    arguments: dict[str, Any] = {}
    raw: str | None = None

    @field_validator("arguments")
    @classmethod
    def _check_placeholders(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        _checked_template(str(arguments))
        return arguments


class ScriptTurn(ScriptValue):
    """What an agent does, and when. A turn without conditions always fits."""

    needs: tuple[str, ...] = ()
    """Tools that must be on offer."""
    lacks: tuple[str, ...] = ()
    """Tools that must not be on offer."""
    used: tuple[str, ...] = ()
    """Tools that the agent must have used before."""
    unused: tuple[str, ...] = ()
    """Tools that the agent must not have used before."""
    turn: Annotated[int, Field(ge=1)] | None = None
    """Which of the agent's own turns this is, from 1."""
    seen: tuple[str, ...] = ()
    """Words that others must have said to it, in any message; upper and lower case are one."""
    unseen: tuple[str, ...] = ()
    """Words that nobody may have said to it."""
    says: tuple[str, ...] = ()
    """Words that the last message must hold."""
    unsaid: tuple[str, ...] = ()
    """Words that the last message must not hold."""
    last: Literal["system", "user", "assistant", "tool"] | None = None
    """The role of the last message."""
    decided_by: Literal["human", "agent", "fallback", "nobody"] | None = None
    """Who must have decided the agent's last question."""
    chosen: bool | str | None = None
    """Which option must have been decided on, by its id; true: any, false: none."""
    takes: Duration = 0.0
    """How long the agent seems to think, in seconds."""
    calls: tuple[ScriptToolUse, ...] = ()
    text: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.calls and not self.text:
            raise ValueError("a turn needs 'calls' or 'text'")
        _checked_template(self.text)
        return self


class Script(ScriptValue):
    """A whole script."""

    about: str = ""
    agents: Annotated[dict[str, tuple[ScriptTurn, ...]], Field(min_length=1)]

    def turns(self, agent: str) -> tuple[ScriptTurn, ...]:
        """The turns of an agent."""
        return self.agents.get(agent, self.agents.get(ANY_AGENT, ()))


def find_script(name: str, folders: tuple[Path, ...]) -> Path:
    """The file of a script: in the folders, each with a folder `scripts` in it, then among those that come with Townhall.

    Raises:
        ScriptError: there is none of this name; the message lists those that there are.
    """
    places = [place for folder in folders for place in (folder, folder / "scripts")] + [BUILT_IN_SCRIPTS]
    if Path(name).name == name:
        for place in places:
            if (path := place / f"{name}.toml").is_file():
                return path
    found = sorted({path.stem for place in places[:-1] for path in place.glob("*.toml") if place.name == "scripts"})
    known = sorted({*found, *(path.stem for path in BUILT_IN_SCRIPTS.glob("*.toml"))})
    raise ScriptError(
        f"there is no script {name!r}; expected a file {name}.toml in {' or '.join(str(place) for place in places)}."
        f" Scripts found: {', '.join(known) or 'none'}"
    )


def read_script(path: Path) -> Script:
    """The script in a file.

    Raises:
        ScriptError: it cannot be read, is no TOML, or has keys or values that no script has.
    """
    try:
        return Script.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ScriptError(f"{path}: {_validation_text(error)}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read as TOML: {error}") from None


def _validation_text(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"]) or "the script"
    expected = ", ".join(ScriptTurn.model_fields) if first["type"] == "extra_forbidden" and len(first["loc"]) == 4 else ""
    hint = f"; expected one of {expected}" if expected else ""
    return f"{key}: {first['msg']}{hint} (found {str(first['input'])[:80]!r})"
