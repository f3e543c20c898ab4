"""The tools `new_answer`, `vote` and `ask_others`: their definitions for models, and the parsing of all tool calls.

The JSON schemas are written by hand. Those that pydantic derives from the models have `$ref`, `anyOf` with null, titles and
defaults: some providers refuse them, and every call pays for their tokens. A test keeps the field names of both equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_bridge.common.text import clean
from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.interface import ToolCall, ToolSpec
from orchestrator_bridge.question.model import Ask, Kind, Urgency
from orchestrator_bridge.run.state import AgentState, RunState, standing_answers
from orchestrator_bridge.run.tool_policy import has_cut_result, specs_of
from orchestrator_bridge.tool.model import Tool

NEW_ANSWER, VOTE, ASK_OTHERS = "new_answer", "vote", "ask_others"


class NewAnswer(BaseModel):
    """Arguments of `new_answer`."""

    model_config = ConfigDict(frozen=True)
    content: Annotated[str, Field(min_length=1)]


class CastVote(BaseModel):
    """Arguments of `vote`."""

    model_config = ConfigDict(frozen=True)
    agent_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InvalidToolCall:
    """A tool call that is not valid, with the text for the agent. `excused`: it was valid when the agent's call started."""

    text: str
    excused: bool = False


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call of one of the team's tools; `arguments` is a JSON object."""

    tool: Tool
    arguments: str


ParsedToolCall = NewAnswer | CastVote | Ask | ToolRequest | InvalidToolCall


CUT_OFF_MARK = "\n\n(This answer is incomplete: the model reached its output limit.)"

CUT_TRIES = 3
"""Responses in a row that were cut off at the output limit after which an agent is retired, or its words are taken."""

CUT_OFF_CORRECTION = "Your response was cut off at the output limit, so it is not taken. Give it again, and make it shorter."


def spoken_text(text: str, tool_calls: Sequence[ToolCall]) -> str:
    """The text of a response for which no tool was on offer; some models pass it as that of an answer nevertheless."""
    if text.strip():
        return text
    parsed = (parse_tool_call(tool_call, (NEW_ANSWER_TOOL,), (), {}) for tool_call in tool_calls)
    return next((answer.content for answer in parsed if isinstance(answer, NewAnswer)), "")


def available_tools(state: RunState, agent: AgentState) -> tuple[ToolSpec, ...]:
    """The tools on offer to an agent: the same in every call of a run, whatever it may do with them now (`refusal_of`).

    Tools are the beginning of a prompt: where they differ from one call to the next, no provider finds anything of it in its
    cache (platform.openai.com/docs/guides/prompt-caching). Only what the team's tool servers offer can change during a run.
    """
    labels = tuple(other.label for other in state.agents.values())
    return (NEW_ANSWER_TOOL, _vote(labels), _ask_others(state.askable), *specs_of(state, agent))


def refusal_of(state: RunState, agent: AgentState, tool: str, seen: int) -> str:
    """The reason why an agent may not use one of Townhall's tools now, for the agent; empty if it may.

    `seen` is the log position up to which the agent's call showed the log.
    """
    match tool:
        case "new_answer" if not may_answer(state, agent):
            given = "1 answer" if agent.answers == 1 else f"{agent.answers} answers"
            return f"Not taken: you have given {given}, the limit for one agent. Use vote."
        case "vote" if not standing_answers(state, seen):
            return "Not taken: there is no answer to vote for yet. Give yours with new_answer."
        # A lone agent's answer is final without a vote; only at its limit of answers it must be able to confirm one.
        case "vote" if len(state.agents) == 1 and may_answer(state, agent):
            return "Not taken: you work alone, so your answer is final without a vote. Give it with new_answer."
        case "ask_others" if not may_ask(state, agent):
            return "Not asked: you or this run have reached the limit of questions. Go on by your assumption."
        case "read_result" if not has_cut_result(agent):
            return "Nothing to read: no result of a tool was cut."
        case _:
            return ""


def useful_tools(state: RunState, agent: AgentState, seen: int) -> tuple[str, ...]:
    """Names of the tools that an agent may use now, for a server that makes its model choose one of them.

    A small model repeats itself: the tool of a response that was cut or not taken, or that repeats the one before, is left out
    of the next one if there is another.
    """
    allowed = [tool.name for tool in available_tools(state, agent) if not refusal_of(state, agent, tool.name, seen)]
    said = [[(use.name, use.arguments) for use in turn.uses] for turn in agent.turns[-2:]]
    again = len(said) > 1 and said[0] == said[1]
    repeated = {name for name, _ in said[-1]} if said and (agent.malformed or agent.cuts or again) else set()
    return tuple(name for name in allowed if name not in repeated) or tuple(allowed)


def may_ask(state: RunState, agent: AgentState) -> bool:
    """True if neither the agent nor the run has reached its limit of questions."""
    limits = state.team.limits
    return agent.asked < limits.per_agent and state.questions_asked < limits.per_run


def may_answer(state: RunState, agent: AgentState) -> bool:
    """True if an agent is below its limit of answers."""
    return agent.answers < state.team.bounds.answers


def parse_tool_call(
    call: ToolCall, tools: tuple[ToolSpec, ...], labels: tuple[str, ...], team_tools: Mapping[str, Tool]
) -> ParsedToolCall:
    """Parse a tool call, or say what is wrong with it in words for the model. `team_tools`: the team's tools, by name."""
    names = [tool.name for tool in tools]
    if call.name not in names:
        return InvalidToolCall(f"There is no tool {call.name!r} for you now. The tools on offer: {', '.join(names)}.")
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        return InvalidToolCall(f"The arguments of {call.name} are not JSON ({error}). Pass one JSON object.")
    if call.name not in team_tools:
        return _validate(call.name, arguments, labels)
    if not isinstance(arguments, dict):
        return InvalidToolCall(f"The arguments of {call.name} are not a JSON object. Pass one.")
    # `json.loads` accepts NaN and halves of surrogate pairs, which are not JSON and would break the tool server's connection.
    try:
        written = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
        written.encode()
    except ValueError as error:
        return InvalidToolCall(
            f"The arguments of {call.name} cannot be sent to its server ({error}). Pass proper text and numbers."
        )
    return ToolRequest(team_tools[call.name], written)


def _validate(name: str, arguments: Any, labels: tuple[str, ...]) -> ParsedToolCall:
    try:
        use = _ARGUMENTS[name].model_validate(_cleaned(arguments) if name == ASK_OTHERS else arguments)
    except ValidationError as error:
        return InvalidToolCall(f"The arguments of {name} cannot be taken: {explain_validation(error)}.")
    if isinstance(use, CastVote) and use.agent_id not in labels:
        return InvalidToolCall(f"There is no answer {use.agent_id!r} to vote for. The answers are: {', '.join(labels)}.")
    if isinstance(use, NewAnswer) and not use.content.strip():
        return InvalidToolCall("The answer is empty. Pass its whole text as 'content'.")
    if isinstance(use, Ask) and use.kind == "approval":
        return InvalidToolCall("kind 'approval' is not for you to ask: use the tool, and people are asked where they have to be.")
    assert isinstance(use, NewAnswer | CastVote | Ask)
    return use


def _cleaned(arguments: Any) -> Any:
    """Remove what hides or disguises text from what people will read; only the context keeps its line breaks."""
    match arguments:
        case dict():
            return {
                key: clean(value).strip() if key == "context" and isinstance(value, str) else _cleaned(value)
                for key, value in arguments.items()
            }
        case list():
            return [_cleaned(item) for item in arguments]
        case str():
            return " ".join(clean(arguments).split())
        case _:
            return arguments


_ARGUMENTS: dict[str, type[BaseModel]] = {NEW_ANSWER: NewAnswer, VOTE: CastVote, ASK_OTHERS: Ask}

NEW_ANSWER_TOOL = ToolSpec(
    name=NEW_ANSWER,
    description="Give your complete answer to the task, or a better one than your last. It stands by itself.",
    parameters={
        "type": "object",
        "properties": {"content": {"type": "string", "description": "The whole answer, in Markdown."}},
        "required": ["content"],
    },
)


def _vote(labels: tuple[str, ...]) -> ToolSpec:
    return ToolSpec(
        name=VOTE,
        description=(
            "Vote for the answer that serves the task best, when no better one of your own is needed. Only once you see answers."
        ),
        parameters={
            "type": "object",
            "properties": {
                "agent_id": {
                    "type": "string",
                    "enum": list(labels),
                    "description": "The label of an answer that you were shown.",
                },
                "reason": {"type": "string", "description": "Why, in one sentence."},
            },
            "required": ["agent_id", "reason"],
        },
    )


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _number(description: str) -> dict[str, Any]:
    return {"type": "integer", "description": description}


def _choices(kind: Any, description: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(kind.__args__), "description": description}


_OPTION = {
    "type": "object",
    "properties": {
        "id": _text("A short id."),
        "label": _text("At most 75 characters; it is a button on a phone."),
        "description": _text("What choosing it means."),
        "recommended": {"type": "boolean", "description": "Set on one option: the one you would take."},
    },
    "required": ["id", "label"],
}


def ask_fields(whom: str) -> dict[str, Any]:
    """JSON schemas of the fields of a question; `whom` describes who can be asked."""
    return {
        "question": _text("One sentence, at most 500 characters."),
        "context": _text("What you are doing, what you tried, why it matters."),
        "kind": _choices(Kind, "What a reply is."),
        "options": {"type": "array", "items": _OPTION, "description": "For kind 'choice': 2 to 10."},
        "unit": _text("For kind 'number': what it counts, such as GB, h, EUR."),
        "min": {"type": "number", "description": "For kind 'number': the smallest that fits."},
        "max": {"type": "number", "description": "For kind 'number': the largest."},
        "to": {"type": "array", "items": {"type": "string"}, "description": whom},
        "assumption": _text("What you will do if nobody answers. People see it."),
        "urgency": _choices(Urgency, "How soon the question lapses."),
    }


def parse_question(name: str, arguments: Mapping[str, Any]) -> Ask | InvalidToolCall:
    """Parse the fields of a question that were passed to another tool, `name`, or say what is wrong with them."""
    parsed = _validate(ASK_OTHERS, dict(arguments), ())
    assert isinstance(parsed, Ask | InvalidToolCall)
    return parsed if isinstance(parsed, Ask) else InvalidToolCall(parsed.text.replace(ASK_OTHERS, name))


def _ask_others(askable: tuple[str, ...]) -> ToolSpec:
    whom = f"Whom to ask: one or more of {', '.join(askable)}. Leave out for the usual."
    return ToolSpec(
        name=ASK_OTHERS,
        description=(
            "Ask people or other agents one question, in a thread of its own. Only for what nobody but they can decide or know; "
            "never for permission to go on, never for a password, key or other secret."
        ),
        parameters={
            "type": "object",
            "properties": {
                **ask_fields(whom),
                "wait": {"type": "boolean", "description": "true: get the outcome here. false: go on, it comes later."},
                "settled_by": _number("Number of a decision that you were shown: go by it, and ask nobody."),
                "refers_to": _number("Number of a decision that you were shown, and that the answer is to replace."),
            },
            "required": ["question", "assumption"],
        },
    )
