"""The judge: a model that decides a question in place of people, by one tool with a fixed schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_bridge.common.text import clean, listed, one_line, shorten
from orchestrator_bridge.model.interface import ToolCall, ToolSpec
from orchestrator_bridge.question.model import Ask, JudgeVerdict, Option, Outcome, Question
from orchestrator_bridge.question.parsing.choice import find_exact_option, find_option
from orchestrator_bridge.question.parsing.reply import APPROVE, APPROVE_TOOL, DENY, ParsedReply, parse_reply
from orchestrator_bridge.question.quorum import counted_replies, final_decider_reply
from orchestrator_bridge.question.voices import clickable_options
from orchestrator_bridge.team.budgets import BudgetName, BudgetStatus, describe_budget, format_dollars
from orchestrator_bridge.team.team import FallbackStep, Policy

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


MAX_ARGUMENTS = 1200
"""Characters of the arguments that a card shows: every platform's has room for them. What is longer goes along as a file."""

_OPTIONS = (
    Option(id=APPROVE, label="Approve", description="This call, with these arguments."),
    Option(id=APPROVE_TOOL, label="Approve this tool for the run", description="Every call of it, with any arguments."),
    Option(id=DENY, label="Deny", description="Write why, and the agent reads it."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalVerdict:
    """What people said, and who of them approved; `text` is for the agent where it is a no."""

    approved: bool
    for_run: bool = False
    approved_by: str = ""
    text: str = ""


def approval_question(tool: str, server: str, arguments: str, why: str = "") -> Ask:
    """The question about one call. `arguments` in words; `why` where it asks for a special reason."""
    shown = shorten(arguments, MAX_ARGUMENTS)
    code = f"```\n{shown}\n```" if shown else "It takes no arguments."
    whole = f"This is the beginning of {len(arguments):,} characters; all of it is in the thread, as a file."
    cut = whole if exceeds_card(arguments) else ""
    return Ask(
        question=f"May I use the tool {one_line(tool, 200)} of {server}?",
        context="\n\n".join(part for part in (why, code, cut) if part),
        kind="approval",
        options=_OPTIONS,
        assumption="It is not called: silence is no.",
    )


def exceeds_card(arguments: str) -> bool:
    """Whether a card does not show all of these arguments."""
    return len(arguments) > MAX_ARGUMENTS


def approval_policy(policy: Policy) -> Policy:
    """The team's policy with silence as a no, whatever the team's fallbacks say."""
    return policy.model_copy(update={"fallback": (FallbackStep(use="assume"),)})


def approval_verdict(question: Question) -> ApprovalVerdict:
    """What the outcome of an approval means: more have to approve than deny, however differently they say no."""
    outcome = question.outcome
    if outcome is None or outcome.decided_by != "human":
        why = outcome.why if outcome else "nobody was asked"
        return ApprovalVerdict(approved=False, text=f"Not approved ({why}), so it was not called. Go on without it.")
    last = final_decider_reply(question)
    voices = (last,) if last else counted_replies(question)
    approving = [voice for voice in voices if voice.choice in (APPROVE, APPROVE_TOOL)]
    for_run = [voice for voice in voices if voice.choice == APPROVE_TOOL]
    if 2 * len(approving) > len(voices):
        return ApprovalVerdict(
            approved=True, for_run=2 * len(for_run) > len(voices), approved_by=listed([voice.author.name for voice in approving])
        )
    told = " / ".join(f"{voice.author.name}: {voice.text}" for voice in voices)
    return ApprovalVerdict(approved=False, text=f"Denied by people, so it was not called. They said: {told}")


ASKER = "townhall"
"""Who asks: no agent, but the run itself."""

_WHO = {"money": "it", "channel": "its runs", "day": "they"}
_SUBJECT = {"money": "This run", "channel": "This channel", "day": "All runs together"}
_TODAY: dict[BudgetName, str] = {"money": "", "channel": " today", "day": " today"}


def budget_question(short: BudgetStatus, amount: Decimal | None) -> Ask:
    """What is asked when a call that may cost `amount` does not fit any more."""
    verb = "have" if short.budget == "day" else "has"
    return Ask(
        question=(
            f"{_SUBJECT[short.budget]} {verb} used up {describe_budget(short.budget, short.limit)}."
            f" How many US dollars more may {_WHO[short.budget]} spend{_TODAY[short.budget]}?"
        ),
        context=(
            f"Booked, reserved and unknown: {format_dollars(short.used)}."
            f" The next call may cost up to {format_dollars(amount or Decimal(0))}."
            " 0 means no more: the run then ends with the best answer so far."
        ),
        kind="number",
        assumption="no more, so the run ends with the best answer so far.",
    )


def budget_policy(policy: Policy) -> Policy:
    """The team's times, but one answer of those who were asked decides, and nothing decides for them."""
    chain = (FallbackStep(use="assume"),)
    return policy.model_copy(update={"quorum": "first", "decider": None, "responders": "asked", "fallback": chain})


def parse_grant(outcome: Outcome) -> Decimal:
    """How many US dollars more a person has granted; none if no person has."""
    if outcome.status != "answered" or outcome.decided_by != "human" or outcome.number is None:
        return Decimal(0)
    return max(Decimal(0), Decimal(str(outcome.number)))
