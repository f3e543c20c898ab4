"""What the adapter does by itself, past the bridge: a private word about Slack's own ways, a form to open."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.blocks import Block, button, row, section
from adapters.slack.controls import command_button
from adapters.slack.markdown import escape_mrkdwn
from adapters.slack.render import SlackMessage
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, InboundEvent, MessageReceived
from orchestrator_bridge.chat.outbound import Confirmation
from orchestrator_bridge.common.text import shorten

SlackActor = MessageReceived | ControlUsed | CommandReceived
"""Something that somebody did, by which she can be told something."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateNotice:
    """A private message to whoever did something."""

    heard: SlackActor
    message: SlackMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenModal:
    """A form to open for whoever did something; the trigger is good for three seconds. With `view_id` an open one is redrawn."""

    trigger: str
    view: Block
    view_id: str = ""
    hash: str = ""


HandlerResult = InboundEvent | PrivateNotice | OpenModal
"""What became of something that Slack told us: the bridge hears it, or the adapter sees to it."""


def private_notice(heard: SlackActor, text: str, *more: Block) -> PrivateNotice:
    """A few words of our own, with something to click below them."""
    return PrivateNotice(heard=heard, message={"text": escape_mrkdwn(text), "blocks": [section(escape_mrkdwn(text)), *more]})


def external_person_notice(heard: SlackActor) -> PrivateNotice:
    """Somebody of another organisation wants to take part."""
    return private_notice(
        heard, "Only people of this workspace can take part; the owner of the bot can list others under [people]."
    )


def not_in_channel_notice(heard: SlackActor) -> PrivateNotice:
    """The bot is not in the channel in which it is to work."""
    return private_notice(heard, "I am not in this conversation, so I cannot write here. Type /invite @Townhall, then ask again.")


def not_stored_notice(heard: SlackActor) -> PrivateNotice:
    """What somebody did could not be kept."""
    return private_notice(heard, "That was not taken: Townhall cannot store anything just now. Please try again in a moment.")


def outdated_control_notice(heard: SlackActor) -> PrivateNotice:
    """Something was clicked that nothing here knows."""
    return private_notice(
        heard, "This control is of an older version of Townhall and does nothing any more. Type /townhall help."
    )


def confirm_task(heard: SlackActor, text: str) -> PrivateNotice | CommandReceived:
    """Ask whether the agents are to work on something that may have been said in passing. What no button can hold is meant."""
    assert isinstance(heard, CommandReceived)
    made = command_button(Confirmation(label="Give it to the agents", name="ask", text=text))
    if made is None:
        return heard
    return private_notice(heard, f"Shall the agents work on this?\n> {shorten(' '.join(text.split()), 300)}", row("word", [made]))


def offer_modal(heard: SlackActor, name: str) -> PrivateNotice:
    """A form needs a click before Slack lets us open it: a typed line is none."""
    labels = {"ask": "Give a task", "model": "Pick a model"}
    return private_notice(heard, "Here you go:", row("word", [button(labels[name], f"form/{name}", "", "primary")]))
