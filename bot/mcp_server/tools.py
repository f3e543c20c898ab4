"""MCP tools: their names, descriptions and arguments, as plain values.

No MCP library is imported here, so that a bot without external agents does not pay for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.interface import ToolSpec
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.agent_tools import InvalidToolCall, ask_fields, parse_question

DEFAULT_WAIT = 50.0
"""Seconds that `ask_team` waits unless the client says otherwise: many clients give up a call after 60 s."""
MAX_WAIT = 3600.0
"""Seconds that a call may wait at most."""

WAIT_LIMIT = "More than 50 needs a client that accepts progress notifications: others give up a call after 60 s."
"""The limit that a calling agent has to know; its client sets it and does not report it to the server."""

ASK_TEAM, CHECK, CANCEL, START_RUN, RUN_STATUS = "ask_team", "check_question", "cancel_question", "start_run", "run_status"
READ_ONLY = (CHECK, RUN_STATUS)
INSTRUCTIONS = (
    "Ask the people (and agents) of a team on their chat platform what only they can decide or know. ask_team asks one question "
    "and waits for the outcome. If nobody has answered by then, it returns the question's number and the question stays open: "
    "call check_question with that number to wait again. The outcome says who decided; a fallback is not a person's decision. "
    "Never ask for permission to continue, and never for a secret."
)

ToolPayload = dict[str, Any]
"""The JSON object that a tool returns."""

Channel = Annotated[str | None, Field(description="Where, such as slack/C0123ABCD. Leave out for the usual channel.")]
TeamName = Annotated[str | None, Field(description="Which team. Leave out for the usual one.")]
Number = Annotated[int, Field(ge=1, le=2**53 - 1)]
WaitForAnswer = Annotated[
    float,
    Field(
        ge=0,
        le=MAX_WAIT,
        allow_inf_nan=False,
        description=f"Seconds to wait for the outcome. The question stays open after that. {WAIT_LIMIT}",
    ),
]
WaitForEnd = Annotated[
    float, Field(ge=0, le=MAX_WAIT, allow_inf_nan=False, description=f"Seconds to wait for its end. {WAIT_LIMIT}")
]


class ToolArguments(BaseModel):
    """Arguments of one tool. An unknown argument is refused, so that a misspelt one does not go unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AskTeamOptions(ToolArguments):
    """Arguments of `ask_team` beside the question itself."""

    channel: Channel = None
    team: TeamName = None
    wait_seconds: WaitForAnswer = DEFAULT_WAIT


class AskTeamArguments(AskTeamOptions):
    """Arguments of `ask_team`; the fields of the question are read as those of an agent's question are."""

    ask: Ask


class CheckQuestionArguments(ToolArguments):
    """Arguments of `check_question`."""

    question: Number
    wait_seconds: WaitForEnd = 0.0


class CancelQuestionArguments(ToolArguments):
    """Arguments of `cancel_question`."""

    question: Number


class StartRunArguments(ToolArguments):
    """Arguments of `start_run`."""

    task: Annotated[str, Field(min_length=1, description="The whole task: the agents know nothing of your work.")]
    team: TeamName = None
    model: Annotated[str | None, Field(description="The model of every agent, instead of their own.")] = None
    channel: Channel = None
    key: Annotated[
        str, Field(max_length=200, description="Idempotency key: calls of one token with the same key start one run.")
    ] = ""


class RunStatusArguments(ToolArguments):
    """Arguments of `run_status`."""

    run: Number
    wait_seconds: WaitForEnd = 0.0


ToolCallArguments = AskTeamArguments | CheckQuestionArguments | CancelQuestionArguments | StartRunArguments | RunStatusArguments

_MODELS: dict[str, type[CheckQuestionArguments | CancelQuestionArguments | StartRunArguments | RunStatusArguments]] = {
    CHECK: CheckQuestionArguments,
    CANCEL: CancelQuestionArguments,
    START_RUN: StartRunArguments,
    RUN_STATUS: RunStatusArguments,
}
"""All tools but `ask_team`, whose question fields agents of a team share."""


def parse_tool_arguments(tool: str, given: Mapping[str, Any]) -> ToolCallArguments | InvalidToolCall:
    """Validate the arguments of a call; `InvalidToolCall` explains to the calling agent what is wrong with them."""
    known = [spec.name for spec in TOOLS]
    if tool not in known:
        return InvalidToolCall(f"There is no tool {tool!r}. The tools: {', '.join(known)}.")
    try:
        return _parse_ask_team(given) if tool == ASK_TEAM else _MODELS[tool].model_validate(dict(given))
    except ValidationError as error:
        return InvalidToolCall(f"The arguments of {tool} are not valid: {explain_validation(error)}.")


def _parse_ask_team(given: Mapping[str, Any]) -> ToolCallArguments | InvalidToolCall:
    if unknown := [name for name in given if name not in _ASK_TEAM_PROPERTIES]:
        known = ", ".join(_ASK_TEAM_PROPERTIES)
        return InvalidToolCall(f"The arguments of {ASK_TEAM} are not valid: {', '.join(unknown)} is unknown; known are {known}.")
    ask = parse_question(ASK_TEAM, {name: value for name, value in given.items() if name in _ASK_FIELDS})
    if isinstance(ask, InvalidToolCall):
        return ask
    options = {name: given[name] for name in AskTeamOptions.model_fields if given.get(name) is not None}
    # The client waits in this call or with check_question; the question itself always blocks its run.
    return AskTeamArguments.model_validate({"ask": ask.model_copy(update={"wait": True}), **options})


def _parameters(model: type[ToolArguments]) -> dict[str, Any]:
    """JSON schema of a tool's arguments: pydantic's, without the titles, and with `null` left out of optional texts.

    A client may pass `null`, but a model that reads the schema does better with "leave out" than with two types.
    """
    schema = model.model_json_schema()
    properties = {}
    for name, field in schema["properties"].items():
        del field["title"]
        if "anyOf" in field and field.pop("default", ...) is None:
            field = {**field.pop("anyOf")[0], **field}
        properties[name] = field
    required, closed = schema.get("required", []), schema["additionalProperties"]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": closed}


_ASK_FIELDS = ask_fields(
    "Whom to ask: humans (the person you work for), agents (of the team), @name, role:name or agent:name; several are possible. "
    "Leave out for the usual."
)
_ASK_TEAM_PROPERTIES: dict[str, Any] = {**_ASK_FIELDS, **_parameters(AskTeamOptions)["properties"]}
TOOLS = (
    ToolSpec(
        name=ASK_TEAM,
        description=(
            "Ask people, or the team's agents, one question in their chat, and wait for the outcome. Use it only for what they "
            "alone can decide or know. A question repeated in the same words is asked once, so a call can be repeated safely."
        ),
        parameters={
            "type": "object",
            "properties": _ASK_TEAM_PROPERTIES,
            "required": ["question", "assumption"],
            "additionalProperties": False,
        },
    ),
    ToolSpec(
        name=CHECK,
        description="The state of a question you asked, or its outcome with late replies. Can wait for the outcome.",
        parameters=_parameters(CheckQuestionArguments),
    ),
    ToolSpec(
        name=CANCEL,
        description="Close a question you asked that no longer needs an answer.",
        parameters=_parameters(CancelQuestionArguments),
    ),
    ToolSpec(
        name=START_RUN,
        description="Give the team's agents a task to work on together, in the chat. Returns a run number for run_status.",
        parameters=_parameters(StartRunArguments),
    ),
    ToolSpec(
        name=RUN_STATUS,
        description="The state of a run you started: its status, open questions and cost, and its answer once it has ended.",
        parameters=_parameters(RunStatusArguments),
    ),
)
