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

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestrator_bridge.common.duration import Duration
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.scripted.conversation import ScriptConversation, one_line

# The places in a script's texts, `{task}` and its like, and what a conversation fills them with.
#
# A part in double brackets is left out where one of its places has nothing to be filled with: `[[You added: {guidance}.]]`.
#
# | place | filled with |
# |---|---|
# | `{task}` | the first line of the task, shortened |
# | `{agent}` | the agent's own name |
# | `{outcome}` | the decision of the agent's last question: an option's label, or words |
# | `{means}` | the description of the option that was decided on; as `{outcome}` if it has none |
# | `{outcome_by}` | who decided: `human`, `agent`, `fallback:assume`, … |
# | `{reply}`, `{replier}` | the last reply to the question as it was written, a person's before an agent's, and by whom |
# | `{replies}` | all replies, one a line |
# | `{guidance}`, `{late}` | what people said to all agents, and what came too late to the question |
# | `{own}` | the label of the agent's own answer |
# | `{own_answer}` | the agent's own answer |
# | `{first}` | the first label that `vote` takes |
# | `{answer:words}` | the label of the newest answer that holds these words; as `{first}` if none does |


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


def unknown_placeholders(text: str) -> list[str]:
    """The places in a text that nothing fills in."""
    return [match.group(0) for match in _PLACEHOLDER.finditer(text) if not _known(match)]


def _known(match: re.Match[str]) -> bool:
    name, words = match.groups()
    return name in PLACEHOLDERS if words is None else name == ANSWER


def fill_template(template: Any, words: Mapping[str, str], answers: Mapping[str, str]) -> Any:
    """A template with its places filled in: a text, or a list or table of them.

    `words` are what the plain places stand for; `answers` maps labels to texts, the newest last.
    """
    if isinstance(template, Mapping):
        return {key: fill_template(value, words, answers) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill_template(value, words, answers) for value in template]
    return fill_text(template, words, answers) if isinstance(template, str) else template


def fill_text(template: str, words: Mapping[str, str], answers: Mapping[str, str]) -> str:
    """One text with its places filled in. What fills a place is left as it is, whatever it looks like."""

    def value(place: re.Match[str]) -> str:
        name, wanted = place.groups()
        return words[name] if wanted is None else _find_answer(wanted, answers) or words["first"]

    def part(text: str, optional: bool) -> str:
        left_out = optional and not all(value(place) for place in _PLACEHOLDER.finditer(text))
        return "" if left_out else _PLACEHOLDER.sub(value, text)

    return "".join(part(text, bool(number % 2)) for number, text in enumerate(_OPTIONAL.split(template)))


def _find_answer(wanted: str, answers: Mapping[str, str]) -> str:
    holding = [label for label, text in answers.items() if wanted.casefold() in text.casefold()]
    return holding[-1] if holding else ""


def placeholder_values(conversation: ScriptConversation, labels: Sequence[str]) -> dict[str, str]:
    """What the plain places of a script's texts stand for; `labels` are those that `vote` takes."""
    first = labels[0] if labels else ""
    return {
        "task": conversation.task,
        "agent": conversation.agent,
        "guidance": _quoted(conversation.guidance),
        "late": _quoted(conversation.late),
        "own": conversation.own or first,
        "own_answer": conversation.own_answer,
        "first": first,
        **_outcome_words(conversation),
    }


def _outcome_words(conversation: ScriptConversation) -> dict[str, str]:
    ended = conversation.ended
    option = next((one for one in conversation.options if one.get("id") == ended.choice), {})
    outcome = str(option.get("label") or ended.decision).rstrip(". ")
    by_people = [reply for reply in ended.replies if reply.get("kind") == "human" and not reply.get("late")]
    reply: Mapping[str, Any] = next(reversed(by_people or ended.replies), {})
    return {
        "outcome": outcome,
        "means": str(option.get("description") or outcome),
        "outcome_by": ended.decided_by,
        "reply": _text_of(reply),
        "replier": str(reply.get("by") or ""),
        "replies": "\n".join(f"- {one.get('by')}: {_text_of(one)}" for one in ended.replies),
    }


def _text_of(reply: Mapping[str, Any]) -> str:
    return one_line(str(reply.get("text") or ""))


def _quoted(texts: Sequence[str]) -> str:
    return "; ".join(f"“{text}”" for text in texts)


BUILT_IN_SCRIPTS = Path(__file__).parent / "scripts"
"""The scripts that come with Townhall."""

ANY_AGENT = "*"


class ScriptError(TownhallError, ValueError):
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
        explained = explain_validation(error, whole="the script", limit=1, first_index=1, show_input=True)
        first = error.errors(include_url=False)[0]
        in_turn = first["type"] == "extra_forbidden" and len(first["loc"]) == 4
        hint = f"; expected one of {', '.join(ScriptTurn.model_fields)}" if in_turn else ""
        raise ScriptError(f"{path}: {explained}{hint}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read as TOML: {error}") from None
