"""Controls of questions and commands: their action ids and values, and how these are parsed after any restart.

The controls of a question stand in blocks whose id begins with `question/<number>/`, so nothing has to be remembered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

from adapters.slack.blocks import PLACEHOLDER, ROW, VALUE, Block, button, label, option, overflow, row, select
from adapters.slack.workspace import thread_of
from orchestrator_bridge.chat.inbound import Attachment, ControlAction, Place, ThreadPosition
from orchestrator_bridge.chat.outbound import Confirmation, QuestionCard
from orchestrator_bridge.common.text import shorten

LABEL = 30
"""Characters of an option's button that fit on a phone. The full label stands in the text above, under the same number."""

MORE_TIMES = (("15 minutes", 900), ("1 hour", 3600), ("4 hours", 14_400), ("1 day", 86_400))
"""The extensions that can be selected, in seconds."""

MAX_QUESTION_TEXT = 500
"""Characters of the question in a button's value."""

CLOSE = "close"
ALONE = "/alone"
"""End of the block ids of a private message in which one question has controls."""

_BLOCK = re.compile(r"question/(\d{1,16})/.*")
_RUN_BLOCK = re.compile(r"run/(\d{1,16})/.*")


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackControl:
    """An action on a question's control."""

    question: int
    press: ControlAction | Literal["cancel"]
    value: str = ""


def question_controls(card: QuestionCard) -> list[Block]:
    """A question's controls: the options in rows of five, then the other actions."""
    times = [option(text, str(seconds)) for text, seconds in MORE_TIMES]
    instead = {"type": "users_select", "action_id": "hand", "placeholder": label("Ask somebody else", PLACEHOLDER)}
    others = (button("Write an answer", "write"), button("Not me", "pass"), select("More time", "more", times), instead)
    return [*_rows(card), row(f"{_block_id(card)}/others", others)]


def list_controls(card: QuestionCard, *, alone: bool = False) -> list[Block]:
    """The controls in less space, for a list of questions: extensions and closing are in an overflow menu.

    The value of "Write an answer" contains the question, since Slack does not return the text above the button. `alone`: no
    other question has controls in the same message, which can be removed once one of them was used.
    """
    end = ALONE if alone else ""
    rest = [option(f"{text} more", str(seconds)) for text, seconds in MORE_TIMES] + [option("Close it without an answer", CLOSE)]
    write = button("Write an answer", "write", shorten(card.text, MAX_QUESTION_TEXT))
    others = row(f"{_block_id(card)}/others{end}", (write, button("Not me", "pass"), overflow("rest", rest)))
    return [*_rows(card, end), others]


def _block_id(card: QuestionCard) -> str:
    return f"question/{card.question}"


def _rows(card: QuestionCard, end: str = "") -> list[Block]:
    """The buttons of the options, in rows."""
    buttons = [
        button(
            shorten(f"{number}. {choice.label}", LABEL),
            f"option/{number}",
            choice.id,
            "primary" if choice.recommended else "",
        )
        for number, choice in enumerate(card.options, 1)
    ]
    return [row(f"{_block_id(card)}/{at}{end}", buttons[at : at + ROW]) for at in range(0, len(buttons), ROW)]


def parse_control(action: Mapping[str, Any]) -> SlackControl | None:
    """The meaning of an action in a `block_actions` payload; None if it is not on a question's control."""
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


def run_controls(run: int) -> list[Block]:
    """The control of an active run: it ends with the best answer so far."""
    return [row(f"run/{run}/end", (button("Finish now", "finish"),))]


def parse_run_control(action: Mapping[str, Any]) -> int | None:
    """The run that an action ends; None for any other action."""
    found = _RUN_BLOCK.fullmatch(str(action.get("block_id", "")))
    return int(found[1]) if found and action.get("action_id") == "finish" else None


def card_options(message: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """The number of the question on a card and the ids of its options in order; none for any other message."""
    rows = [block for block in message.get("blocks") or () if _BLOCK.fullmatch(str(block.get("block_id", "")))]
    controls = [parse_control({**element, "block_id": block["block_id"]}) for block in rows for element in block["elements"]]
    options = [control for control in controls if control is not None and control.press == "option"]
    return options[0].question if options else 0, tuple(option.value for option in options)


def used_private_message(body: Mapping[str, Any]) -> str:
    """The address at which a private message is removed whose buttons have done their work; empty for other clicks."""
    if body.get("type") != "block_actions" or not (body.get("container") or {}).get("is_ephemeral"):
        return ""
    action = body["actions"][0]
    return str(body.get("response_url") or "") if parse_command(action) is not None or _is_done(action) else ""


def _is_done(action: Mapping[str, Any]) -> bool:
    """True if an action on the only question of a message leaves nothing to do there: it was answered, declined or closed."""
    control = parse_control(action)
    if control is None or not str(action.get("block_id")).endswith(ALONE):
        return False
    return control.press in ("option", "pass", "cancel")


def command_button(confirm: Confirmation, number: int = 0) -> Block | None:
    """A button that gives a command, with its `number` in the row; None if the command is too long for a button's value."""
    # The button carries the whole command, so that it works after a restart.
    thread = {"thread": confirm.thread.place.thread, "before": confirm.thread.before} if confirm.thread is not None else {}
    files = {"files": [astuple(file) for file in confirm.attachments]} if confirm.attachments else {}
    command = {"name": confirm.name, "text": confirm.text, "options": confirm.options, **thread, **files}
    value = json.dumps(command, ensure_ascii=False)
    name, style = (f"command/{number}", "") if number else ("command", "primary")
    return button(confirm.label, name, value, style) if len(value) <= VALUE else None


def parse_command(action: Mapping[str, Any]) -> Confirmation | None:
    """The command of a button."""
    if not re.fullmatch(r"command(/\d)?", str(action.get("action_id", ""))):
        return None
    try:
        command = json.loads(str(action.get("value", "")))
        options = tuple((str(name), str(value)) for name, value in command["options"])
        files = tuple(
            Attachment(name=str(name), media_type=str(media_type), size=int(size), ref=str(ref))
            for name, media_type, size, ref in command.get("files", ())
        )
        name, text = str(command["name"]), str(command["text"])
        return Confirmation(label="", name=name, text=text, options=options, attachments=files)
    except (ValueError, KeyError, TypeError):
        return None


def confirmed_thread(action: Mapping[str, Any], place: Place) -> ThreadPosition | None:
    """The thread in which the words of a confirmed command were written, in the channel of the click."""
    try:
        command = json.loads(str(action.get("value", "")))
        return thread_of(replace(place, thread=str(command["thread"])), str(command["before"]))
    except (ValueError, KeyError, TypeError):
        return None
