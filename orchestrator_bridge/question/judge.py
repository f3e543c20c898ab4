"""The judge: a model that decides a question in place of people, by one tool with a fixed schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_bridge.model.port import ToolCall, ToolSpec
from orchestrator_bridge.question.option import find_exact_option, find_option
from orchestrator_bridge.question.read import ParsedReply, parse_reply
from orchestrator_bridge.question.values import Ask, JudgeVerdict
from orchestrator_bridge.question.voice import clickable_options
from orchestrator_bridge.text import clean

DECIDE_TOOL = ToolSpec(
    name="decide",
    description="Decide the question in place of the people who did not, or say that it cannot be decided without them.",
    parameters={
        "type": "object",
        "properties": {
            "decision": {"type": "string", "description": "The decision in one sentence; for options the label."},
            "choice": {
                "type": "string",
                "description": "The option's id; yes or no for a confirm.",
            },
            "number": {"type": "number", "description": "The number, in the unit that was asked for. Only for a number."},
            "reason": {"type": "string", "description": "Why, in one or two sentences. People read it."},
            "undecided": {"type": "boolean", "description": "true: this must not be decided without people."},
        },
        "required": ["decision", "reason"],
    },
)


class _DecideArguments(BaseModel):
    """What `decide` takes; a model's null is a thing left out."""

    model_config = ConfigDict(frozen=True)
    decision: Annotated[str, Field(max_length=4000)] = ""
    choice: str | None = None
    number: Annotated[float, Field(allow_inf_nan=False)] | None = None
    reason: Annotated[str, Field(max_length=4000)] = ""
    undecided: bool | None = None


def parse_verdict(ask: Ask, uses: Sequence[ToolCall], text: str) -> JudgeVerdict:
    """The verdict in a judge's response; without a decision, and saying why, where there is none that the question can take."""
    use = next((one for one in uses if one.name == DECIDE_TOOL.name), None)
    if use is None:
        return JudgeVerdict(reason="it did not use its tool" if text.strip() or uses else "it said nothing")
    try:
        given = _DecideArguments.model_validate(json.loads(use.arguments or "{}"))
    except (ValueError, ValidationError, RecursionError):
        return JudgeVerdict(reason="its decision could not be read")
    if given.undecided:
        return JudgeVerdict(reason=clean(given.reason).strip() or "it leaves this to people")
    return _validated(ask, given)


def _validated(ask: Ask, given: _DecideArguments) -> JudgeVerdict:
    """The decision as the kind of the question takes it."""
    decision, reason = clean(given.decision).strip(), clean(given.reason).strip()
    if ask.kind == "number":
        taken = parse_reply(ask, f"{given.number:.15g} {ask.unit}" if given.number is not None else decision)
        number = taken.number if isinstance(taken, ParsedReply) else None
        text = f"{number:.15g} {ask.unit}".strip() if number is not None else ""
        return JudgeVerdict(decision=text, number=number, reason=reason if text else "its number does not fit")
    if ask.kind in ("choice", "confirm"):
        option = next((one for one in clickable_options(ask) if given.choice in (one.id, one.label)), None)
        option = option or find_exact_option(ask, decision) or find_option(clickable_options(ask), decision)
        if option is None:
            return JudgeVerdict(reason="it chose none of the options")
        return JudgeVerdict(decision=option.label, choice=option.id, reason=reason)
    return JudgeVerdict(decision=decision, reason=reason or ("" if decision else "it said nothing"))
