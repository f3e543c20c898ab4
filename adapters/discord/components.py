"""What can be clicked on a question, and how a click says what it means: the id of each control carries the question's number.

So a click is understood after any restart, and for as long as the message stands.
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
"""Options that get a button each; more become a list to pick from."""
MAX_LABEL = 25
"""Characters of a button's label that a phone shows."""
MAX_ANSWER = 2000
"""Characters that the form takes."""
EXTENSIONS = (900, 3600, 14_400, 86_400)
"""Seconds that "More time" offers: 15 minutes, an hour, four hours, a day."""

ControlKind = Literal["option", "pick", "write", "leave", "pass", "hand", "more", "longer", "form", "look", "close", "yes"]
_KINDS: dict[str, ControlKind] = {
    "o": "option",
    "l": "pick",
    "w": "write",
    "n": "leave",
    "p": "pass",
    "h": "hand",
    "m": "more",
    "d": "longer",
    "f": "form",
    "q": "look",
    "c": "close",
    "y": "yes",
}
_LETTERS = {deed: letter for letter, deed in _KINDS.items()}
_ID = re.compile(r"th:([a-z]):(\d{1,20})(?::(.*))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordControl:
    """What a control means. `number` is the question's, or that of the command to confirm; `value` an option's id, or seconds.

    "Not me" (`leave`) asks who else: nobody (`pass`), or somebody (`hand`). `look` and `close` stand on private lists only.
    """

    kind: ControlKind
    number: int
    value: str = ""

    @property
    def id(self) -> str:
        """The control's `custom_id`, of at most 100 characters since options' ids have at most 40."""
        return f"th:{_LETTERS[self.kind]}:{self.number}" + (f":{self.value}" if self.value else "")


def parse_control(custom_id: str) -> DiscordControl | None:
    """What a click means; None if the control is none of these."""
    found = _ID.fullmatch(custom_id)
    if found is None or found[1] not in _KINDS:
        return None
    return DiscordControl(kind=_KINDS[found[1]], number=int(found[2]), value=found[3] or "")


def question_components(card: QuestionCard) -> tuple[discord.ui.Item[Any], ...]:
    """Everything that an open question offers."""
    number = card.question
    below = (
        _button("Write an answer", DiscordControl(kind="write", number=number), 3),
        _button("Not me", DiscordControl(kind="leave", number=number), 3),
        _button("More time", DiscordControl(kind="more", number=number), 3),
    )
    return (*_options(card), *below)


def _options(card: QuestionCard) -> tuple[discord.ui.Item[Any], ...]:
    if len(card.options) <= MAX_BUTTONS:
        return tuple(_option(card.question, place, option) for place, option in enumerate(card.options, 1))
    choices = [_choice(place, option) for place, option in enumerate(card.options[:25], 1)]
    known = DiscordControl(kind="pick", number=card.question).id
    return (discord.ui.Select(custom_id=known, placeholder="Choose an answer", options=choices, row=0),)


def _option(question: int, place: int, option: CardOption) -> discord.ui.Item[Any]:
    label = plain_line(f"{place} {option.label}", MAX_LABEL)
    return _button(label, DiscordControl(kind="option", number=question, value=option.id), 0, chosen=option.recommended)


def _choice(place: int, option: CardOption) -> discord.SelectOption:
    about = plain_line(option.description, 100) if option.description.strip() else None
    star = " (recommended)" if option.recommended else ""
    return discord.SelectOption(
        label=plain_line(f"{place} {option.label}", 100 - len(star)) + star, value=option.id, description=about
    )


def close_components(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """What may be done to a question by whoever looks at it privately, and is allowed to."""
    return (_button("Cancel question", DiscordControl(kind="close", number=question), 3),)


def delegate_components(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """Who is to be asked in somebody's place: people to pick from, or nobody."""
    known = DiscordControl(kind="hand", number=question).id
    people: discord.ui.UserSelect[Any] = discord.ui.UserSelect(custom_id=known, placeholder="Ask somebody else", row=0)
    return people, _button("Just not me", DiscordControl(kind="pass", number=question), 1)


def question_select(cards: Sequence[QuestionCard]) -> tuple[discord.ui.Item[Any], ...]:
    """Questions to pick one from, to be answered on the spot."""
    choices = [
        discord.SelectOption(
            label=plain_line(f"{one.question} {one.text}", 100),
            value=str(one.question),
            description=plain_line(f"{one.agent} asks {one.asked}", 100),
        )
        for one in cards[:25]
    ]
    known = DiscordControl(kind="look", number=0).id
    return (discord.ui.Select(custom_id=known, placeholder="Answer one here, privately", options=choices, row=0),)


def extension_components(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """How much more time there may be."""
    return tuple(
        _button(format_duration(seconds), DiscordControl(kind="longer", number=question, value=str(seconds)), 0)
        for seconds in EXTENSIONS
    )


def _button(label: str, control: DiscordControl, row: int, *, chosen: bool = False) -> discord.ui.Item[Any]:
    style = discord.ButtonStyle.primary if chosen else discord.ButtonStyle.secondary
    return discord.ui.Button(label=label, custom_id=control.id, row=row, style=style)


def confirm_components(command: int, label: str) -> tuple[discord.ui.Item[Any], ...]:
    """The button that says yes to what a word asks about a command."""
    return (discord.ui.Button(label=plain_line(label, 60), custom_id=DiscordControl(kind="yes", number=command).id),)


def answer_modal(question: int, text: str) -> discord.ui.Modal:
    """The form for an answer in own words; `text` is the question, as far as it fits."""
    modal = discord.ui.Modal(
        title=f"Answer question {question}", custom_id=DiscordControl(kind="form", number=question).id, timeout=MODAL_LIFETIME
    )
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(
        style=discord.TextStyle.paragraph, custom_id="words", min_length=1, max_length=MAX_ANSWER, required=True
    )
    modal.add_item(discord.ui.Label(text="Your answer", description=plain_line(text, 100), component=words))
    return modal


MODAL_LIFETIME = 900.0
"""Seconds after which a form that nobody sent is forgotten by the library; what it sends later is understood all the same."""
