"""Posts to try adapters with."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.chat.outbound import CardAgent, CardOption, FinalAnswer, QuestionCard, RunCard

RUN = RunCard(
    run=3,
    task="Choose a database for the shop",
    team="house",
    agents=(
        CardAgent(name="architect", model="grok-4.3", state="working"),
        CardAgent(name="skeptic", model="gpt-9", state="waiting"),
    ),
    status="working",
    cost="$0.02",
    tokens=12_345,
)
OPTIONS = (
    CardOption(id="pg", label="PostgreSQL", description="keeps its promises", recommended=True),
    CardOption(id="lite", label="SQLite", description="one file"),
)
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 \u202edesrever\u202c @everyone @here <!channel> \x00\x08 &#8238; [see](https://evil.example/x) end"
)
"""Terminal escapes, a window title, reversed text (as entity too), mentions of everybody, control characters, a masked link."""


def question(number: int = 2, *, asked: Author | None = None) -> QuestionCard:
    """An open question of one choice, which expires at 2026-11-22 14:30 UTC."""
    return QuestionCard(
        question=number,
        run=3,
        agent="skeptic",
        text="Which database shall we take?",
        context="The shop has one writer.",
        answer_kind="choice",
        options=OPTIONS,
        mentions=(asked,) if asked else (),
        asked="Alice",
        expires_at=1_795_357_800.0,
        silence="PostgreSQL is taken, as recommended",
        task="Choose a database for the shop",
    )


def closed(card: QuestionCard) -> QuestionCard:
    """The same question, answered."""
    return replace(card, closed="Alice answered: SQLite")


def long_answer() -> FinalAnswer:
    """A final text of some 20,000 characters: many numbered paragraphs and a block of code longer than any message may be."""
    paragraphs = "\n\n".join(f"Point {number}. {'All things considered. ' * 8}" for number in range(60))
    code = "\n".join(f"line_{number} = {number}" for number in range(400))
    return FinalAnswer(run=3, text=f"{paragraphs}\n\n```python\n{code}\n```\n\nThe end.", how="Two votes of two.", by="architect")
