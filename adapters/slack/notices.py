"""Results of Slack's requests: inbound events, private notices of the adapter itself, and modals to open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from adapters.slack.blocks import Block, button, row, section, sections
from adapters.slack.markdown import escape_mrkdwn
from adapters.slack.render import SlackMessage
from adapters.slack.workspace import Membership
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, InboundEvent, MessageReceived

SlackActor = MessageReceived | ControlUsed | CommandReceived
"""A person's action, to which a private notice can be sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateNotice:
    """A private message to the person who caused `event`."""

    event: SlackActor
    message: SlackMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenModal:
    """A modal to open for the person who caused `event`; its trigger is valid for three seconds.

    `instead` says what the person can do if it does not open.
    """

    event: SlackActor
    trigger: str
    view: Block
    instead: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateModal:
    """An open modal to draw again; `hash` is that of the version on which the change is based."""

    view_id: str
    hash: str
    view: Block


@dataclass(frozen=True, kw_only=True, slots=True)
class FormRefused:
    """A submitted modal that stays open: `text` is shown below the block `block_id`."""

    event: SlackActor
    block_id: str
    text: str


HandlerResult = InboundEvent | PrivateNotice | OpenModal | UpdateModal | FormRefused
"""The result of a request: an event for the bridge, or something that the adapter does itself."""

NOT_IN_CHANNEL = "I am not in this conversation, so I cannot post here. Type /invite @Townhall there, or ask in another channel."
NOT_STORED = "I could not store this. Please try again in a minute."
NOT_STORED_YET = "Received, but not stored yet. If it cannot be stored, I tell you here."
OUTDATED_CONTROL = "This button is from an older version of Townhall and no longer works. Type /townhall help."


def private_notice(event: SlackActor, text: str, *more: Block) -> PrivateNotice:
    """A notice with a text and further blocks."""
    return PrivateNotice(event=event, message={"text": escape_mrkdwn(text), "blocks": [section(escape_mrkdwn(text)), *more]})


def membership_text(membership: Literal[Membership.EXTERNAL, Membership.UNKNOWN]) -> str:
    """Refusal for a person who is not known to be a member of the workspace."""
    match membership:
        case Membership.EXTERNAL:
            return "Only members of this workspace can take part. The operator of this bot can allow other people."
        case Membership.UNKNOWN:
            return "This was not accepted: Slack did not confirm that you are a member of this workspace. Try again in a minute."
        case _:
            assert_never(membership)


def words_returned(refused: FormRefused) -> PrivateNotice:
    """Notice for a modal that has closed though it was refused, with what the person typed."""
    typed = refused.event.value if isinstance(refused.event, ControlUsed) else refused.event.text
    return private_notice(refused.event, f"{refused.text} You wrote:", *sections(escape_mrkdwn(typed)))


def offer_modal(event: SlackActor, name: str) -> PrivateNotice:
    """A button that opens a modal: Slack opens one only after a click, not after a typed message."""
    labels = {"ask": "Give a task", "model": "Select a model"}
    open_button = button(labels[name], f"form/{name}", "", "primary")
    return private_notice(event, "Press the button to continue:", row("word", [open_button]))
