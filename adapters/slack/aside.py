"""What the adapter does by itself, past the bridge: a private word about Slack's own ways, a form to open."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.blocks import Block, button, row, section
from adapters.slack.cards import Message
from adapters.slack.controls import command_button
from adapters.slack.escape import escaped
from orchestrator_bridge.chat import CommandReceived, Confirmation, ControlUsed, InboundEvent, MessageReceived
from orchestrator_bridge.text import shorten

Who = MessageReceived | ControlUsed | CommandReceived
"""Something that somebody did, by which she can be told something."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aside:
    """A private message to whoever did something."""

    heard: Who
    message: Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """A form to open for whoever did something; the trigger is good for three seconds. With `view_id` an open one is redrawn."""

    trigger: str
    view: Block
    view_id: str = ""
    hash: str = ""


Heard = InboundEvent | Aside | Form
"""What became of something that Slack told us: the bridge hears it, or the adapter sees to it."""


def aside(heard: Who, text: str, *more: Block) -> Aside:
    """A few words of our own, with something to click below them."""
    return Aside(heard=heard, message={"text": escaped(text), "blocks": [section(escaped(text)), *more]})


def stranger(heard: Who) -> Aside:
    """Somebody of another organisation wants to take part."""
    return aside(heard, "Only people of this workspace can take part; the owner of the bot can list others under [people].")


def outside(heard: Who) -> Aside:
    """The bot is not in the channel in which it is to work."""
    return aside(heard, "I am not in this conversation, so I cannot write here. Type /invite @Townhall, then ask again.")


def unstored(heard: Who) -> Aside:
    """What somebody did could not be kept."""
    return aside(heard, "That was not taken: Townhall cannot store anything just now. Please try again in a moment.")


def outdated(heard: Who) -> Aside:
    """Something was clicked that nothing here knows."""
    return aside(heard, "This control is of an older version of Townhall and does nothing any more. Type /townhall help.")


def offer_task(heard: Who, text: str) -> Aside | CommandReceived:
    """Ask whether the agents are to work on something that may have been said in passing. What no button can hold is meant."""
    assert isinstance(heard, CommandReceived)
    made = command_button(Confirmation(label="Give it to the agents", name="ask", text=text))
    if made is None:
        return heard
    return aside(heard, f"Shall the agents work on this?\n> {shorten(' '.join(text.split()), 300)}", row("word", [made]))


def offer_form(heard: Who, name: str) -> Aside:
    """A form needs a click before Slack lets us open it: a typed line is none."""
    labels = {"ask": "Give a task", "model": "Pick a model"}
    return aside(heard, "Here you go:", row("word", [button(labels[name], f"form/{name}", "", "primary")]))
