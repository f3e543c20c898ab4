"""Questions that the bridge asks or answers itself: the judge of the fallback `judge`, tool approvals, and budgets."""

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
    """Arguments of `decide`; null means absent."""

    model_config = ConfigDict(frozen=True)
    decision: Annotated[str, Field(max_length=4000)] = ""
    choice: str | None = None
    number: Annotated[float, Field(allow_inf_nan=False)] | None = None
    reason: Annotated[str, Field(max_length=4000)] = ""
    undecided: bool | None = None


def parse_verdict(ask: Ask, uses: Sequence[ToolCall], text: str) -> JudgeVerdict:
    """Parse a judge's response. A verdict without a decision has the reason why there is none."""
    use = next((call for call in uses if call.name == DECIDE_TOOL.name), None)
    if use is None:
        return JudgeVerdict(reason="it did not call its tool" if text.strip() or uses else "it returned nothing")
    try:
        given = _DecideArguments.model_validate(json.loads(use.arguments or "{}"))
    except (ValueError, ValidationError, RecursionError):
        return JudgeVerdict(reason="its decision could not be read")
    if given.undecided:
        return JudgeVerdict(reason=clean(given.reason).strip() or "it leaves the decision to people")
    return _validated(ask, given)


def _validated(ask: Ask, given: _DecideArguments) -> JudgeVerdict:
    """Check the decision against the kind of the question."""
    decision, reason = clean(given.decision).strip(), clean(given.reason).strip()
    if ask.kind == "number":
        parsed = parse_reply(ask, f"{given.number:.15g} {ask.unit}" if given.number is not None else decision)
        number = parsed.number if isinstance(parsed, ParsedReply) else None
        text = f"{number:.15g} {ask.unit}".strip() if number is not None else ""
        return JudgeVerdict(decision=text, number=number, reason=reason if text else "its number is not valid")
    if ask.kind in ("choice", "confirm"):
        # Models put an option's id, its label or a sentence about it into either argument.
        option = next((option for option in clickable_options(ask) if given.choice in (option.id, option.label)), None)
        option = option or find_exact_option(ask, decision) or find_option(clickable_options(ask), decision)
        if option is None:
            return JudgeVerdict(reason="it chose none of the options")
        return JudgeVerdict(decision=option.label, choice=option.id, reason=reason)
    return JudgeVerdict(decision=decision, reason=reason or ("" if decision else "it returned nothing"))


MAX_ARGUMENTS = 1200
"""Characters of the arguments that a card shows: it has room for them on every platform. Longer ones are attached as a file."""

_OPTIONS = (
    Option(id=APPROVE, label="Approve", description="This call, with these arguments."),
    Option(
        id=APPROVE_TOOL,
        label="Approve this tool for the run",
        description="Every call of the tool in this run, with any arguments.",
    ),
    Option(id=DENY, label="Deny", description="You can write a reason; the agent reads it."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalVerdict:
    """Result of an approval, and the names of those who approved; `text` tells the agent about a denial."""

    approved: bool
    for_run: bool = False
    approved_by: str = ""
    text: str = ""


def approval_question(tool: str, server: str, arguments: str, why: str = "") -> Ask:
    """Ask for the approval of one tool call. `arguments` as people read them; `why` is a special reason to ask."""
    shown = shorten(arguments, MAX_ARGUMENTS)
    code = f"```\n{shown}\n```" if shown else "No arguments."
    whole = f"The first of {len(arguments):,} characters. The whole text is in the thread, as a file."
    cut = whole if exceeds_card(arguments) else ""
    return Ask(
        question=f"May I use the tool {one_line(tool, 200)} of {server}?",
        context="\n\n".join(part for part in (why, code, cut) if part),
        kind="approval",
        options=_OPTIONS,
        assumption="The tool is not called.",
    )


def exceeds_card(arguments: str) -> bool:
    """True if a card does not show all of these arguments."""
    return len(arguments) > MAX_ARGUMENTS


def approval_policy(policy: Policy) -> Policy:
    """Derive the policy of an approval: no answer means no, whatever fallbacks the team has."""
    return policy.model_copy(update={"fallback": (FallbackStep(use="assume"),)})


def approval_verdict(question: Question) -> ApprovalVerdict:
    """Evaluate an approval: a strict majority of the replies must approve."""
    outcome = question.outcome
    if outcome is None or outcome.decided_by != "human":
        why = outcome.why if outcome else "nobody was asked"
        return ApprovalVerdict(approved=False, text=f"Not approved ({why}), so the tool was not called. Go on without it.")
    last = final_decider_reply(question)
    replies = (last,) if last else counted_replies(question)
    approving = [reply for reply in replies if reply.choice in (APPROVE, APPROVE_TOOL)]
    for_run = [reply for reply in replies if reply.choice == APPROVE_TOOL]
    if 2 * len(approving) > len(replies):
        return ApprovalVerdict(
            approved=True, for_run=2 * len(for_run) > len(replies), approved_by=listed([reply.author.name for reply in approving])
        )
    quotes = " / ".join(f"{reply.author.name}: {reply.text}" for reply in replies)
    return ApprovalVerdict(approved=False, text=f"Denied by people, so the tool was not called. They said: {quotes}")


ASKER = "townhall"
"""Name of the asker where the run itself asks and not an agent."""

_WHO = {"money": "it", "channel": "its runs", "day": "they"}
_SUBJECT = {"money": "This run", "channel": "This channel", "day": "All runs together"}
_TODAY: dict[BudgetName, str] = {"money": "", "channel": " today", "day": " today"}


def budget_question(short: BudgetStatus, amount: Decimal | None) -> Ask:
    """Ask for more money when a call that may cost `amount` exceeds a budget."""
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
    """Derive the policy of a budget question: the team's times, but one answer of the people asked decides, and no fallback."""
    chain = (FallbackStep(use="assume"),)
    return policy.model_copy(update={"quorum": "first", "decider": None, "responders": "asked", "fallback": chain})


def parse_grant(outcome: Outcome) -> Decimal:
    """US dollars that a person has granted, 0 if no person has."""
    if outcome.status != "answered" or outcome.decided_by != "human" or outcome.number is None:
        return Decimal(0)
    return max(Decimal(0), Decimal(str(outcome.number)))
