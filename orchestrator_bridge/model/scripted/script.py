"""Script of a scripted model: a TOML file with the possible turns of every agent.

    about = "One line about the script."

    [[agents.planner]]            # a turn of the agent called planner; "*" stands for all agents without turns of their own
    needs = ["new_answer"]        # conditions: the first turn whose conditions all hold is played
    unused = ["new_answer"]
    takes = "0.8s"
    calls = [{ tool = "new_answer", arguments = { content = "Begin small with {task}." } }]

Texts may contain placeholders. A part in double brackets is left out if one of its placeholders is empty:
`[[You added: {guidance}.]]`.

| placeholder | value |
|---|---|
| `{task}` | the first line of the task, shortened |
| `{agent}` | the agent's own name |
| `{outcome}` | the decision on the agent's last question: an option's label, or words |
| `{means}` | the description of the selected option; like `{outcome}` if it has none |
| `{outcome_by}` | source of the decision: `human`, `agent`, `fallback:assume`, ... |
| `{reply}`, `{replier}` | the last reply to the question as it was written, a person's before an agent's, and its author |
| `{replies}` | all replies, one per line |
| `{guidance}`, `{late}` | guidance of people for all agents, and replies that came too late |
| `{own}` | the label of the agent's own answer |
| `{own_answer}` | the agent's own answer |
| `{first}` | the first label that `vote` accepts |
| `{answer:words}` | the label of the newest answer that contains these words; like `{first}` if none does |
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from orchestrator_bridge.common.duration import Duration
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.scripted.conversation import MAX_REPLY, ScriptConversation

BUILT_IN_SCRIPTS = Path(__file__).parent / "scripts"
"""Folder of the scripts that are part of Townhall."""

ANY_AGENT = "*"

PLACEHOLDERS = (
    "task",
    "agent",
    "outcome",
    "means",
    "outcome_by",
    "reply",
    "replier",
    "replies",
    "guidance",
    "late",
    "own",
    "own_answer",
    "first",
)
ANSWER = "answer"

_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([^{}]+))?\}")


class ScriptError(TownhallError, ValueError):
    """The script is missing or invalid. The message names the file, the key, what was found and what is expected."""


def _check_placeholders(text: str) -> None:
    unknown = []
    for match in _PLACEHOLDER.finditer(text):
        name, words = match.groups()
        if name not in PLACEHOLDERS if words is None else name != ANSWER:
            unknown.append(match.group(0))
    if unknown:
        names = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"unknown placeholder {', '.join(unknown)}; expected one of {names}, {{{ANSWER}:words}}")


class ScriptToolUse(Value):
    """Tool call: `arguments` as a table, or `raw` as the text that a careless model would send."""

    tool: Annotated[str, Field(min_length=1)]
    arguments: dict[str, Any] = Field(default={})
    raw: str | None = None

    @field_validator("arguments")
    @classmethod
    def _check_arguments(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        _check_placeholders(str(arguments))
        return arguments


class ScriptTurn(Value):
    """Turn of an agent and its conditions, all of which must hold. A turn without conditions always fits."""

    needs: tuple[str, ...] = ()
    """Tools that must be offered."""
    lacks: tuple[str, ...] = ()
    """Tools that must not be offered."""
    used: tuple[str, ...] = ()
    """Tools that the agent must have used before."""
    unused: tuple[str, ...] = ()
    """Tools that the agent must not have used before."""
    turn: Annotated[int, Field(ge=1)] | None = None
    """Number of the agent's own turn, from 1."""
    seen: tuple[str, ...] = ()
    """Words that any message to the agent must contain, ignoring case."""
    unseen: tuple[str, ...] = ()
    """Words that no message to the agent may contain."""
    says: tuple[str, ...] = ()
    """Words that the last message must contain."""
    unsaid: tuple[str, ...] = ()
    """Words that the last message must not contain."""
    last: Literal["system", "user", "assistant", "tool"] | None = None
    """Role of the last message."""
    decided_by: Literal["human", "agent", "fallback", "nobody"] | None = None
    """Source of the decision on the agent's last question."""
    chosen: bool | str | None = None
    """Id of the option that was decided on; true for any option, false for none."""
    takes: Duration = 0.0
    """Seconds that the turn takes."""
    calls: tuple[ScriptToolUse, ...] = ()
    text: str = ""

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if not self.calls and not self.text:
            raise ValueError("a turn needs 'calls' or 'text'")
        _check_placeholders(self.text)
        return self


class Script(Value):
    """Whole script."""

    about: str = ""
    agents: Annotated[dict[str, tuple[ScriptTurn, ...]], Field(min_length=1)]

    def turns(self, agent: str) -> tuple[ScriptTurn, ...]:
        """Turns of an agent, or those of `*` if it has none of its own."""
        return self.agents.get(agent, self.agents.get(ANY_AGENT, ()))


def find_script(name: str, folders: tuple[Path, ...]) -> Path:
    """Find the file of a script: in each folder and its subfolder `scripts`, then among the built-in scripts.

    Raises:
        ScriptError: there is no script of this name; the message lists the existing ones.
    """
    places = [place for folder in folders for place in (folder, folder / "scripts")] + [BUILT_IN_SCRIPTS]
    if Path(name).name == name:
        for place in places:
            if (path := place / f"{name}.toml").is_file():
                return path
    # A plain folder may hold any TOML file, so only folders called `scripts` are listed.
    known = sorted({path.stem for place in places if place.name == "scripts" for path in place.glob("*.toml")})
    raise ScriptError(
        f"there is no script {name!r}; expected a file {name}.toml in {' or '.join(str(place) for place in places)}."
        f" Scripts found: {', '.join(known) or 'none'}"
    )


def read_script(path: Path) -> Script:
    """Read a script.

    Raises:
        ScriptError: the file cannot be read, is not TOML, or has unknown keys or invalid values.
    """
    try:
        return Script.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        explained = explain_validation(error, whole="the script", limit=1, first_index=1, show_input=True)
        first = error.errors(include_url=False)[0]
        in_turn = first["type"] == "extra_forbidden" and len(first["loc"]) == 4
        hint = f"; expected one of {', '.join(ScriptTurn.model_fields)}" if in_turn else ""
        raise ScriptError(f"{path}: {explained}{hint}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read as TOML: {error}") from None


def placeholder_values(conversation: ScriptConversation) -> dict[str, str]:
    """Values of the placeholders."""
    first = next(iter(conversation.answers), "")
    ended = conversation.ended
    option = next((option for option in conversation.options if option.get("id") == ended.choice), {})
    outcome = str(option.get("label") or ended.decision).rstrip(". ")
    by_people = [reply for reply in ended.replies if reply.get("kind") == "human" and not reply.get("late")]
    last_reply: Mapping[str, Any] = next(reversed(by_people or ended.replies), {})
    return {
        "task": conversation.task,
        "agent": conversation.agent,
        "guidance": _quoted(conversation.guidance),
        "late": _quoted(conversation.late),
        "own": conversation.own or first,
        "own_answer": conversation.own_answer,
        "first": first,
        "outcome": outcome,
        "means": str(option.get("description") or outcome),
        "outcome_by": ended.decided_by,
        "reply": _reply_text(last_reply),
        "replier": str(last_reply.get("by") or ""),
        "replies": "\n".join(f"- {reply.get('by')}: {_reply_text(reply)}" for reply in ended.replies),
    }


def _quoted(texts: Sequence[str]) -> str:
    return "; ".join(f"“{text}”" for text in texts)


def _reply_text(reply: Mapping[str, Any]) -> str:
    return one_line(str(reply.get("text") or ""), MAX_REPLY)


def fill_template(template: Any, values: Mapping[str, str], answers: Mapping[str, str]) -> Any:
    """Fill the placeholders in a text, or in all texts of a list or table.

    `values` are those of the plain placeholders; `answers` maps labels to answers, newest last.
    """
    if isinstance(template, Mapping):
        return {key: fill_template(value, values, answers) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill_template(value, values, answers) for value in template]
    return fill_text(template, values, answers) if isinstance(template, str) else template


def fill_text(template: str, values: Mapping[str, str], answers: Mapping[str, str]) -> str:
    """Fill the placeholders in one text. A value that looks like a placeholder stays as it is."""

    def value(placeholder: re.Match[str]) -> str:
        name, wanted = placeholder.groups()
        if wanted is None:
            return values[name]
        matching = [label for label, text in answers.items() if wanted.casefold() in text.casefold()]
        return matching[-1] if matching else values["first"]

    def fill(part: str, *, optional: bool) -> str:
        if optional and not all(value(placeholder) for placeholder in _PLACEHOLDER.finditer(part)):
            return ""
        return _PLACEHOLDER.sub(value, part)

    # `split` with a group returns plain and bracketed parts in turn.
    return "".join(fill(part, optional=number % 2 == 1) for number, part in enumerate(_OPTIONAL.split(template)))
