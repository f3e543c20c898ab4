"""What can be clicked on a question, and how a click says what it means: the id of each control carries the question's number.

So a click is understood after any restart, and for as long as the message stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import discord

from adapters.discord.escape import unformatted
from orchestrator_bridge.chat import CardOption, QuestionCard
from orchestrator_bridge.duration import say_duration

AS_BUTTONS = 5
"""Options that get a button each; more become a list to pick from."""
LABEL = 25
"""Characters of a button's label that a phone shows."""
ANSWER = 2000
"""Characters that the form takes."""
LONGER = (900, 3600, 14_400, 86_400)
"""Seconds that "More time" offers: 15 minutes, an hour, four hours, a day."""

Deed = Literal["option", "pick", "write", "leave", "pass", "hand", "more", "longer", "form", "look", "close", "yes"]
_DEEDS: dict[str, Deed] = {
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
_LETTERS = {deed: letter for letter, deed in _DEEDS.items()}
_ID = re.compile(r"th:([a-z]):(\d{1,20})(?::(.*))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """What a control means. `number` is the question's, or that of the command to confirm; `value` an option's id, or seconds.

    "Not me" (`leave`) asks who else: nobody (`pass`), or somebody (`hand`). `look` and `close` stand on private lists only.
    """

    deed: Deed
    number: int
    value: str = ""

    @property
    def id(self) -> str:
        """The control's `custom_id`, of at most 100 characters since options' ids have at most 40."""
        return f"th:{_LETTERS[self.deed]}:{self.number}" + (f":{self.value}" if self.value else "")


def control_in(custom_id: str) -> Control | None:
    """What a click means; None if the control is none of these."""
    found = _ID.fullmatch(custom_id)
    if found is None or found[1] not in _DEEDS:
        return None
    return Control(deed=_DEEDS[found[1]], number=int(found[2]), value=found[3] or "")


def controls(card: QuestionCard) -> tuple[discord.ui.Item[Any], ...]:
    """Everything that an open question offers."""
    number = card.question
    below = (
        _button("Write an answer", Control(deed="write", number=number), 3),
        _button("Not me", Control(deed="leave", number=number), 3),
        _button("More time", Control(deed="more", number=number), 3),
    )
    return (*_options(card), *below)


def _options(card: QuestionCard) -> tuple[discord.ui.Item[Any], ...]:
    if len(card.options) <= AS_BUTTONS:
        return tuple(_option(card.question, place, option) for place, option in enumerate(card.options, 1))
    choices = [_choice(place, option) for place, option in enumerate(card.options[:25], 1)]
    known = Control(deed="pick", number=card.question).id
    return (discord.ui.Select(custom_id=known, placeholder="Choose an answer", options=choices, row=0),)


def _option(question: int, place: int, option: CardOption) -> discord.ui.Item[Any]:
    label = unformatted(f"{place} {option.label}", LABEL)
    return _button(label, Control(deed="option", number=question, value=option.id), 0, chosen=option.recommended)


def _choice(place: int, option: CardOption) -> discord.SelectOption:
    about = unformatted(option.description, 100) if option.description.strip() else None
    star = " (recommended)" if option.recommended else ""
    return discord.SelectOption(
        label=unformatted(f"{place} {option.label}", 100 - len(star)) + star, value=option.id, description=about
    )


def closing(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """What may be done to a question by whoever looks at it privately, and is allowed to."""
    return (_button("Cancel question", Control(deed="close", number=question), 3),)


def others(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """Who is to be asked in somebody's place: people to pick from, or nobody."""
    known = Control(deed="hand", number=question).id
    people: discord.ui.UserSelect[Any] = discord.ui.UserSelect(custom_id=known, placeholder="Ask somebody else", row=0)
    return people, _button("Just not me", Control(deed="pass", number=question), 1)


def lookups(cards: Sequence[QuestionCard]) -> tuple[discord.ui.Item[Any], ...]:
    """Questions to pick one from, to be answered on the spot."""
    choices = [
        discord.SelectOption(
            label=unformatted(f"{one.question} {one.text}", 100),
            value=str(one.question),
            description=unformatted(f"{one.agent} asks {one.asked}", 100),
        )
        for one in cards[:25]
    ]
    known = Control(deed="look", number=0).id
    return (discord.ui.Select(custom_id=known, placeholder="Answer one here, privately", options=choices, row=0),)


def longer(question: int) -> tuple[discord.ui.Item[Any], ...]:
    """How much more time there may be."""
    return tuple(
        _button(say_duration(seconds), Control(deed="longer", number=question, value=str(seconds)), 0) for seconds in LONGER
    )


def _button(label: str, control: Control, row: int, *, chosen: bool = False) -> discord.ui.Item[Any]:
    style = discord.ButtonStyle.primary if chosen else discord.ButtonStyle.secondary
    return discord.ui.Button(label=label, custom_id=control.id, row=row, style=style)


def confirm(command: int, label: str) -> tuple[discord.ui.Item[Any], ...]:
    """The button that says yes to what a word asks about a command."""
    return (discord.ui.Button(label=unformatted(label, 60), custom_id=Control(deed="yes", number=command).id),)


def form(question: int, text: str) -> discord.ui.Modal:
    """The form for an answer in own words; `text` is the question, as far as it fits."""
    modal = discord.ui.Modal(
        title=f"Answer question {question}", custom_id=Control(deed="form", number=question).id, timeout=FORM_LIVES
    )
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(
        style=discord.TextStyle.paragraph, custom_id="words", min_length=1, max_length=ANSWER, required=True
    )
    modal.add_item(discord.ui.Label(text="Your answer", description=unformatted(text, 100), component=words))
    return modal


FORM_LIVES = 900.0
"""Seconds after which a form that nobody sent is forgotten by the library; what it sends later is understood all the same."""
