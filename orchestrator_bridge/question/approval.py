"""Asking people whether an agent may use a tool, and what they said: silence, doubt and own words are a no."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.question.consent import APPROVE, APPROVE_TOOL, DENY
from orchestrator_bridge.question.quorum import counted_replies, final_decider_reply
from orchestrator_bridge.question.values import Ask, Option, Question
from orchestrator_bridge.team import FallbackStep, Policy
from orchestrator_bridge.text import listed, one_line, shorten

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
