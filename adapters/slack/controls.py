"""What can be clicked: how a control says what it is for, and how that is read when it comes back, after any restart.

A question's controls stand in blocks whose id begins with `question/<number>/`; nothing has to be remembered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapters.slack.blocks import PLACEHOLDER, ROW, VALUE, Block, button, label, option, overflow, row, select
from orchestrator_bridge.chat.inbound import ControlAction
from orchestrator_bridge.chat.outbound import CardOption, Confirmation, QuestionCard
from orchestrator_bridge.common.text import shorten

LABEL = 30
"""Characters of an option's button: more is cut off on a phone. The whole stands in the text above, under the same number."""

MORE_TIMES = (("15 minutes", 900), ("1 hour", 3600), ("4 hours", 14_400), ("1 day", 86_400))
"""How much more time can be asked for, in seconds."""

MAX_QUESTION_TEXT = 500
"""Characters of a question that a button carries along."""

CLOSE = "close"

_BLOCK = re.compile(r"question/(\d{1,16})/.*")


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackControl:
    """What somebody did to a question's control."""

    question: int
    press: ControlAction | Literal["cancel"]
    value: str = ""


def question_controls(card: QuestionCard) -> list[Block]:
    """A question's controls: its options in rows of five, then what one can say without choosing one."""
    times = [option(text, str(seconds)) for text, seconds in MORE_TIMES]
    instead = {"type": "users_select", "action_id": "hand", "placeholder": label("Ask somebody else", PLACEHOLDER)}
    others = (button("Write an answer", "write"), button("Not me", "pass"), select("More time", "more", times), instead)
    return [*_rows(card), row(f"{_block_id(card)}/others", others)]


def list_controls(card: QuestionCard) -> list[Block]:
    """The same with less room, for a list of questions: more time, and closing it, are behind three dots.

    The button to write with carries the question along: what stands above it is the list, or nothing that Slack gives back.
    """
    rest = [option(f"{text} more", str(seconds)) for text, seconds in MORE_TIMES] + [option("Close it without an answer", CLOSE)]
    write = button("Write an answer", "write", shorten(card.text, MAX_QUESTION_TEXT))
    return [*_rows(card), row(f"{_block_id(card)}/others", (write, button("Not me", "pass"), overflow("rest", rest)))]


def _block_id(card: QuestionCard) -> str:
    return f"question/{card.question}"


def _rows(card: QuestionCard) -> list[Block]:
    options = [_option(number, one) for number, one in enumerate(card.options, 1)]
    return [row(f"{_block_id(card)}/{at}", options[at : at + ROW]) for at in range(0, len(options), ROW)]


def _option(number: int, one: CardOption) -> Block:
    return button(shorten(f"{number} {one.label}", LABEL), f"option/{number}", one.id, "primary" if one.recommended else "")


def parse_control(action: Mapping[str, Any]) -> SlackControl | None:
    """What an action of a `block_actions` payload means for a question; None if it is none of a question's controls."""
    found = _BLOCK.fullmatch(str(action.get("block_id", "")))
    if found is None:
        return None
    question, name = int(found[1]), str(action.get("action_id", ""))
    if name.startswith("option/"):
        return SlackControl(question=question, press="option", value=str(action.get("value", "")))
    chosen = str((action.get("selected_option") or {}).get("value", ""))
    match name:
        case "rest" if chosen == CLOSE:
            return SlackControl(question=question, press="cancel")
        case "more" | "rest":
            return SlackControl(question=question, press="more", value=chosen)
        case "hand":
            return SlackControl(question=question, press="pass", value=str(action.get("selected_user", "")))
        case "pass":
            return SlackControl(question=question, press="pass")
        case "write":
            return SlackControl(question=question, press="write", value=str(action.get("value", "")))
        case _:
            return None


# Commands behind buttons --------------------------------------------------------------------------------------------------


def command_button(confirm: Confirmation) -> Block | None:
    """A button that gives a command; None if the command is too long for one."""
    value = json.dumps({"name": confirm.name, "text": confirm.text, "options": confirm.options}, ensure_ascii=False)
    return button(confirm.label, "command", value, "primary") if len(value) <= VALUE else None


def parse_command(action: Mapping[str, Any]) -> Confirmation | None:
    """The command that a button stands for."""
    if action.get("action_id") != "command":
        return None
    try:
        told = json.loads(str(action.get("value", "")))
        options = tuple((str(name), str(value)) for name, value in told["options"])
        return Confirmation(label="", name=str(told["name"]), text=str(told["text"]), options=options)
    except (ValueError, KeyError, TypeError):
        return None
