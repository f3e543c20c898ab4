"""The tools behind the door: what agents outside are told of them, and what they may pass. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.interface import ToolSpec
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.agent_tools import InvalidToolCall, ask_fields, parse_question

DEFAULT_WAIT = 50.0
"""Seconds that an answer is waited for unless the client says otherwise: many clients give up a call after a minute."""
MAX_WAIT = 3600.0

ASK_TEAM, CHECK, CANCEL, START_RUN, RUN_STATUS = "ask_team", "check_question", "cancel_question", "start_run", "run_status"
INSTRUCTIONS = (
    "Ask the people (and agents) of a team on their chat platform what only they can decide or know. ask_team asks one question "
    "and waits a while; where nobody has answered by then you get its number, the question stays open, and check_question waits "
    "on. The outcome says who decided: a fallback is nobody's word. Never ask for permission to go on, and never for a secret."
)

WaitSeconds = Annotated[float, Field(ge=0, le=MAX_WAIT, allow_inf_nan=False)]


class ToolArguments(BaseModel):
    """What a tool takes; what else is passed is refused, so that a slip does not go unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AskTeamArguments(ToolArguments):
    """Beside the question: where, of whom, and how long to wait, in seconds."""

    ask: Ask
    channel: str | None = None
    team: str | None = None
    wait_seconds: WaitSeconds = DEFAULT_WAIT


class CheckQuestionArguments(ToolArguments):
    """A question by its number; how long to wait for its end, in seconds."""

    question: Annotated[int, Field(gt=0, lt=2**53)]
    wait_seconds: WaitSeconds = 0.0


class CancelQuestionArguments(ToolArguments):
    """A question by its number."""

    question: Annotated[int, Field(gt=0, lt=2**53)]


class StartRunArguments(ToolArguments):
    """A task for a team. The same `key` of the same token starts one run."""

    task: Annotated[str, Field(min_length=1)]
    team: str | None = None
    model: str | None = None
    channel: str | None = None
    key: Annotated[str, Field(max_length=200)] = ""


class RunStatusArguments(ToolArguments):
    """A run by its number; how long to wait for its end, in seconds."""

    run: Annotated[int, Field(gt=0, lt=2**53)]
    wait_seconds: WaitSeconds = 0.0


ToolCallArguments = AskTeamArguments | CheckQuestionArguments | CancelQuestionArguments | StartRunArguments | RunStatusArguments

_MODELS: dict[
    str, type[AskTeamArguments | CheckQuestionArguments | CancelQuestionArguments | StartRunArguments | RunStatusArguments]
] = {
    CHECK: CheckQuestionArguments,
    CANCEL: CancelQuestionArguments,
    START_RUN: StartRunArguments,
    RUN_STATUS: RunStatusArguments,
}


def parse_tool_arguments(tool: str, given: Mapping[str, Any]) -> ToolCallArguments | InvalidToolCall:
    """What a tool was called with, or what is wrong with it, in words for the agent."""
    known = [spec.name for spec in TOOLS]
    if tool not in known:
        return InvalidToolCall(f"There is no tool {tool!r}. The tools: {', '.join(known)}.")
    try:
        return _ask_team(given) if tool == ASK_TEAM else _MODELS[tool].model_validate(dict(given))
    except ValidationError as error:
        return InvalidToolCall(f"The arguments of {tool} cannot be taken: {explain_validation(error)}.")


def _ask_team(given: Mapping[str, Any]) -> ToolCallArguments | InvalidToolCall:
    fields, own = ask_fields(_WHOM), ("channel", "team", "wait_seconds")
    unknown = [name for name in given if name not in fields and name not in own]
    if unknown:
        known = f"known are {', '.join(_ASK)}"
        return InvalidToolCall(f"The arguments of {ASK_TEAM} cannot be taken: {', '.join(unknown)} is unknown; {known}.")
    ask = parse_question(ASK_TEAM, {name: value for name, value in given.items() if name in fields})
    if isinstance(ask, InvalidToolCall):
        return ask
    beside = {name: given[name] for name in own if given.get(name) is not None}
    return AskTeamArguments.model_validate({"ask": ask.model_copy(update={"wait": True}), **beside})


_WHOM = (
    "Whom to ask: humans (on whose behalf you work), agents (of the team), @name, role:name or agent:name, several too. "
    "Leave out for the usual."
)
_CHANNEL = {"type": "string", "description": "Where, such as slack/C0123ABCD. Leave out for the usual channel."}
_TEAM = {"type": "string", "description": "Which team. Leave out for the usual one."}
_KEY = {"type": "string", "description": "Makes a repeated call harmless: the same key starts one run."}


def _wait(default: float, what: str) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": MAX_WAIT, "default": default, "description": what}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_NUMBER = {"type": "integer", "minimum": 1}
_ASK: dict[str, Any] = {
    **ask_fields(_WHOM),
    "channel": _CHANNEL,
    "team": _TEAM,
    "wait_seconds": _wait(DEFAULT_WAIT, "How long to wait for the outcome. The question stays open after that."),
}
TOOLS = (
    ToolSpec(
        name=ASK_TEAM,
        description=(
            "Ask people, or the team's agents, one question in their chat, and wait a while for the outcome. Only for what "
            "nobody but they can decide or know. The same question in the same words is asked once, so a call can be repeated."
        ),
        parameters=_object(_ASK, "question", "assumption"),
    ),
    ToolSpec(
        name=CHECK,
        description="How a question of yours stands, or how it ended, with late replies. Waits for its end if you say how long.",
        parameters=_object({"question": _NUMBER, "wait_seconds": _wait(0, "How long to wait for its end.")}, "question"),
    ),
    ToolSpec(
        name=CANCEL,
        description="Close a question of yours that need not be answered any more.",
        parameters=_object({"question": _NUMBER}, "question"),
    ),
    ToolSpec(
        name=START_RUN,
        description="Give the team's agents a task to work on together, in the chat. Returns a number; run_status has the rest.",
        parameters=_object(
            {
                "task": {"type": "string", "description": "The whole task: the agents know nothing of your work."},
                "team": _TEAM,
                "model": {"type": "string", "description": "The model of every agent, instead of their own."},
                "channel": _CHANNEL,
                "key": _KEY,
            },
            "task",
        ),
    ),
    ToolSpec(
        name=RUN_STATUS,
        description="How a run that you started stands: its state, open questions and cost, and its answer once it has ended.",
        parameters=_object({"run": _NUMBER, "wait_seconds": _wait(0, "How long to wait for its end.")}, "run"),
    ),
)
READ_ONLY = (CHECK, RUN_STATUS)
