"""Results of Slack's requests: inbound events, private notices of the adapter itself, and modals to open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from adapters.slack.blocks import Block, button, row, section
from adapters.slack.controls import command_button
from adapters.slack.markdown import escape_mrkdwn
from adapters.slack.render import SlackMessage
from adapters.slack.workspace import Membership
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, InboundEvent, MessageReceived
from orchestrator_bridge.chat.outbound import Confirmation
from orchestrator_bridge.common.text import shorten

SlackActor = MessageReceived | ControlUsed | CommandReceived
"""A person's action, to which a private notice can be sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateNotice:
    """A private message to the person who caused `event`."""

    event: SlackActor
    message: SlackMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenModal:
    """A modal to open; its trigger is valid for three seconds. With `view_id` an open modal is updated instead."""

    trigger: str
    view: Block
    view_id: str = ""
    hash: str = ""


HandlerResult = InboundEvent | PrivateNotice | OpenModal
"""The result of a request: an event for the bridge, or something that the adapter does itself."""


def private_notice(event: SlackActor, text: str, *more: Block) -> PrivateNotice:
    """A notice with a text and further blocks."""
    return PrivateNotice(event=event, message={"text": escape_mrkdwn(text), "blocks": [section(escape_mrkdwn(text)), *more]})


def membership_notice(event: SlackActor, membership: Literal[Membership.EXTERNAL, Membership.UNKNOWN]) -> PrivateNotice:
    """Refusal for a person who is not known to be a member of the workspace."""
    match membership:
        case Membership.EXTERNAL:
            text = "Only members of this workspace can take part. The operator of this bot can allow other people."
        case Membership.UNKNOWN:
            text = "This was not accepted: Slack did not confirm that you are a member of this workspace. Try again in a minute."
        case _:
            assert_never(membership)
    return private_notice(event, text)


def not_in_channel_notice(event: SlackActor) -> PrivateNotice:
    """Refusal of a task in a channel without the bot."""
    return private_notice(event, "I am not in this conversation, so I cannot post here. Type /invite @Townhall, then ask again.")


def not_stored_notice(event: SlackActor) -> PrivateNotice:
    """Notice that an action could not be stored."""
    return private_notice(event, "I could not store this. Please try again in a minute.")


def not_stored_yet_notice(event: SlackActor) -> PrivateNotice:
    """Notice that an action was acknowledged, because Slack waits no longer, and is not stored yet."""
    return private_notice(event, "Received, but not stored yet. If it cannot be stored, I tell you here.")


def outdated_control_notice(event: SlackActor) -> PrivateNotice:
    """Notice that a control is unknown to this version."""
    return private_notice(event, "This button is from an older version of Townhall and no longer works. Type /townhall help.")


def confirm_task(event: SlackActor, text: str) -> PrivateNotice | CommandReceived:
    """A question whether an accidental mention is a task. A text too long for a button's value counts as one."""
    assert isinstance(event, CommandReceived)
    confirm = command_button(Confirmation(label="Give it to the agents", name="ask", text=text))
    if confirm is None:
        return event
    quoted = shorten(" ".join(text.split()), 300)
    return private_notice(event, f"Should the agents work on this?\n> {quoted}", row("word", [confirm]))


def offer_modal(event: SlackActor, name: str) -> PrivateNotice:
    """A button that opens a modal: Slack opens one only after a click, not after a typed message."""
    labels = {"ask": "Give a task", "model": "Select a model"}
    open_button = button(labels[name], f"form/{name}", "", "primary")
    return private_notice(event, "Press the button to continue:", row("word", [open_button]))
