"""Buttons, selects and modals of a question, and their custom ids.

Each custom id carries the question's number and the meaning of the control, so that it works after any restart and for as long as
its message exists.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import discord

from adapters.discord.markdown import plain_line
from orchestrator_bridge.chat.outbound import CardOption, QuestionCard
from orchestrator_bridge.common.duration import format_duration

MAX_BUTTONS = 5
"""Options up to this number have a button each; more are shown as a select."""

MAX_LABEL = 25
"""Characters of a button label that fit on a phone."""

MAX_ANSWER = 2000
"""Characters of an answer in the modal."""

EXTENSIONS = (900, 3600, 14_400, 86_400)
"""Seconds that "More time" offers: 15 minutes, an hour, four hours, a day."""

ControlKind = Literal[
    "option",
    "select",
    "write",
    "decline",
    "pass",
    "delegate",
    "more_time",
    "extend",
    "answer",
    "view",
    "cancel",
    "confirm",
    "finish",
    "again",
]
_KINDS: dict[str, ControlKind] = {
    "o": "option",
    "l": "select",
    "w": "write",
    "n": "decline",
    "p": "pass",
    "h": "delegate",
    "m": "more_time",
    "d": "extend",
    "f": "answer",
    "q": "view",
    "c": "cancel",
    "y": "confirm",
    "e": "finish",
    "a": "again",
}
"""Control kinds by their letter in custom ids. Posted messages contain these letters, so they never change."""

_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
_ID = re.compile(r"th:([a-z]):(\d{1,20})(?::(.*))?", re.DOTALL)

MODAL_LIFETIME = 900.0
"""Seconds after which discord.py forgets an open modal. A later submission is still understood, by its custom id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordControl:
    """A button, select or modal. `value` is an option's id, or seconds.

    `number` is the question's, the command's to confirm, or the run's to `finish`.

    "Not me" (`decline`) asks for a replacement: nobody (`pass`) or another person (`delegate`). `write` opens the modal that
    sends `answer`; `more_time` shows the buttons that send `extend`. `view` and `cancel` are in private lists only.
    """

    kind: ControlKind
    number: int
    value: str = ""

    @property
    def id(self) -> str:
        """The `custom_id`, of at most 100 characters since an option's id has at most 40."""
        return f"th:{_LETTERS[self.kind]}:{self.number}" + (f":{self.value}" if self.value else "")


def parse_control(custom_id: str) -> DiscordControl | None:
    """The control with this custom id; None if it is not one of ours."""
    found = _ID.fullmatch(custom_id)
    if found is None or found[1] not in _KINDS:
        return None
    return DiscordControl(kind=_KINDS[found[1]], number=int(found[2]), value=found[3] or "")


def question_components(card: QuestionCard) -> tuple[discord.ui.Item[Any], ...]:
    """All controls of an open question."""
    number = card.question
    return (
        *_options(card),
        _button("Write an answer", DiscordControl(kind="write", number=number), 3),
        _button("Not me", DiscordControl(kind="decline", number=number), 3),
        _button("More time", DiscordControl(kind="more_time", number=number), 3),
    )


def _options(card: QuestionCard) -> tuple[discord.ui.Item[Any], ...]:
    """A button for each option; a select for more options than fit into one row."""
    if len(card.options) > MAX_BUTTONS:
        # A select holds 25 options (discord.com/developers/docs/components/reference#string-select).
        choices = [_choice(position, option) for position, option in enumerate(card.options[:25], 1)]
        custom_id = DiscordControl(kind="select", number=card.question).id
        return (discord.ui.Select(custom_id=custom_id, placeholder="Choose an answer", options=choices, row=0),)
    return tuple(
        _button(
            plain_line(f"{position}. {option.label}", MAX_LABEL),
            DiscordControl(kind="option", number=card.question, value=option.id),
            0,
            recommended=option.recommended,
        )
        for position, option in enumerate(card.options, 1)
    )


def _choice(position: int, option: CardOption) -> discord.SelectOption:
    about = plain_line(option.description, 100) if option.description.strip() else None
    star = " (recommended)" if option.recommended else ""
    return discord.SelectOption(
        label=plain_line(f"{position}. {option.label}", 100 - len(star)) + star, value=option.id, description=about
    )


def close_components(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """The button that cancels a question, for people who view it privately."""
    return (_button("Cancel question", DiscordControl(kind="cancel", number=question), 3),)


def again_components(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """The button that asks a question which an earlier decision has answered."""
    return (_button("Ask again", DiscordControl(kind="again", number=question), 0),)


def delegate_components(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """A select of the person who answers instead, and a button for nobody."""
    custom_id = DiscordControl(kind="delegate", number=question).id
    people: discord.ui.UserSelect[Any] = discord.ui.UserSelect(custom_id=custom_id, placeholder="Select a person", row=0)
    return people, _button("Nobody, just not me", DiscordControl(kind="pass", number=question), 1)


def question_select(cards: Sequence[QuestionCard]) -> tuple[discord.ui.Item[Any], ...]:
    """A select of questions, each to be answered in private."""
    choices = [
        discord.SelectOption(
            label=plain_line(f"{card.question} {card.text}", 100),
            value=str(card.question),
            description=plain_line(f"{card.agent} asks {card.asked}", 100),
        )
        for card in cards[:25]
    ]
    custom_id = DiscordControl(kind="view", number=0).id
    return (discord.ui.Select(custom_id=custom_id, placeholder="Select a question to answer here", options=choices, row=0),)


def extension_components(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """Buttons for more time."""
    return tuple(
        _button(format_duration(seconds), DiscordControl(kind="extend", number=question, value=str(seconds)), 0)
        for seconds in EXTENSIONS
    )


def _button(label: str, control: DiscordControl, row: int, *, recommended: bool = False) -> discord.ui.Item[Any]:
    style = discord.ButtonStyle.primary if recommended else discord.ButtonStyle.secondary
    return discord.ui.Button(label=label, custom_id=control.id, row=row, style=style)


def run_components(run: int) -> tuple[discord.ui.Item[Any], ...]:
    """The button on the card of an active run that ends it with the best answer so far."""
    return (_button("Finish now", DiscordControl(kind="finish", number=run), 0),)


def confirm_components(command: int, labels: Sequence[str]) -> tuple[discord.ui.Item[Any], ...]:
    """The buttons that confirm a command, one for each form that it can take."""
    controls = (
        DiscordControl(kind="confirm", number=command, value=str(number) if number else "") for number in range(len(labels))
    )
    return tuple(
        discord.ui.Button(label=plain_line(label, 60), custom_id=control.id)
        for label, control in zip(labels, controls, strict=True)
    )


def answer_modal(question: int, text: str) -> discord.ui.Modal:
    """The modal for an answer in the person's own words. `text` is the question, shown as far as it fits."""
    custom_id = DiscordControl(kind="answer", number=question).id
    modal = discord.ui.Modal(title=f"Answer question {question}", custom_id=custom_id, timeout=MODAL_LIFETIME)
    answer: discord.ui.TextInput[Any] = discord.ui.TextInput(
        style=discord.TextStyle.paragraph, custom_id="words", min_length=1, max_length=MAX_ANSWER, required=True
    )
    modal.add_item(discord.ui.Label(text="Your answer", description=plain_line(text, 100), component=answer))
    return modal
