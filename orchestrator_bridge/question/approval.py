"""Asking people whether an agent may use a tool, and what their outcome means: silence, doubt and own words are a no."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.question.confirm import yes_or_no
from orchestrator_bridge.question.values import Ask, Option, Question
from orchestrator_bridge.team import FallbackStep, Policy
from orchestrator_bridge.text import clean, shorten

CONTEXT = 3500
"""Characters of the arguments that a card shows; what is longer stands whole in the question's thread."""

_OPTIONS = (
    Option(id="approve", label="Approve", description="This call, with these arguments."),
    Option(id="approve_tool", label="Approve this tool for the run", description="Every call of it, with any arguments."),
    Option(id="deny", label="Deny", description="Write why, and the agent reads it."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What people said; `text` is for the agent where it is a no."""

    approved: bool
    for_run: bool = False
    text: str = ""


def asking(tool: str, server: str, arguments: str, why: str) -> Ask:
    """The question of the kind `approval` about one call. `arguments` in words; `why` where it asks for a special reason."""
    said = clean(arguments, CONTEXT) or "(no arguments)"
    cut = f"\n… ({len(arguments):,} characters; the whole stands in the thread)" if len(arguments) > CONTEXT else ""
    return Ask(
        question=shorten(f"May I use the tool {tool} of {server}?", 500),
        context=f"{why}\n\n{said}{cut}".strip(),
        kind="approval",
        options=_OPTIONS,
        assumption="It is not called: silence is no.",
    )


def strict(policy: Policy) -> Policy:
    """The team's policy with silence as a no, whatever the team's fallbacks say."""
    return policy.model_copy(update={"fallback": (FallbackStep(use="assume"),)})


def verdict(question: Question) -> Verdict:
    """What the outcome of an approval means. Only people approve; a yes in own words is a yes to this call alone."""
    outcome = question.outcome
    if outcome is None or outcome.decided_by != "human":
        why = outcome.why if outcome else "nobody was asked"
        return Verdict(approved=False, text=f"Not approved ({why}), so it was not called. Go on without it.")
    choice = outcome.choice
    if choice is None and yes_or_no(outcome.decision) == "yes":
        choice = "approve"
    if choice in ("approve", "approve_tool"):
        return Verdict(approved=True, for_run=choice == "approve_tool")
    said = " / ".join(f"{reply.author.name}: {reply.text}" for reply in outcome.replies if reply.author.kind == "human")
    return Verdict(approved=False, text=f"Denied by people, so it was not called. They said: {said}")
