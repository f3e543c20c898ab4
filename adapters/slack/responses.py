"""Private replies and acknowledgements of replies.

A private reply is an ephemeral message in the channel, or a direct message where the person cannot see one. It is sent once and
its failure is only logged: nobody repeats it. An acknowledgement goes through the outbox and raises delivery errors.
"""

from __future__ import annotations

import logging

import aiohttp

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.app_home import HomeTabs, home_view, is_from_home
from adapters.slack.blocks import section
from adapters.slack.channels import SlackChannels
from adapters.slack.files import is_slack_address
from adapters.slack.markdown import escape_mrkdwn, localise_commands
from adapters.slack.message_parts import marker_metadata
from adapters.slack.notices import OpenModal, UpdateModal, private_notice
from adapters.slack.render import SlackMessage, render_private_reply
from adapters.slack.workspace import Workspace, direct_place
from orchestrator_bridge.chat.adapter import DeliveryError
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, InboundEvent, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, Link, PostedMessage, PrivateReply
from orchestrator_bridge.common.network import proxy_for

_LOG = logging.getLogger(__name__)

_NOT_THERE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel", "is_archived", "thread_not_found"})
"""Errors after which a private reply is sent as a direct message instead."""

REACTIONS = {"taken": "white_check_mark", "late": "hourglass", "refused": "x", "passed": "wave"}

_NOTHING_TO_DO = frozenset({"already_reacted", "too_many_emoji", "too_many_reactions"})
"""Errors that need no action: the reaction exists, or the message can take no more."""


class PrivateReplySender:
    """Sends private replies. `selectable`: there is a command to select models."""

    def __init__(
        self, api: SlackApi, workspace: Workspace, channels: SlackChannels, home_tabs: HomeTabs, *, selectable: bool
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._channels = channels
        self._home_tabs = home_tabs
        self._selectable = selectable

    async def reply(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Send a private reply, as `Adapter.reply_privately` specifies."""
        if not isinstance(event, MessageReceived | ControlUsed | CommandReceived):
            return
        if isinstance(event, CommandReceived) and event.name == "home":
            await self._publish_home(event, reply)
        elif not (is_from_home(event) and await self._home_tabs.show_reply(event.author.id, reply)):
            await self.notify(event, render_private_reply(reply, self.message_url))

    async def notify(self, event: MessageReceived | ControlUsed | CommandReceived, message: SlackMessage) -> None:
        """Send a private message where `event` happened; if that is impossible, as a direct message."""
        user = event.author.id
        thread = None if isinstance(event, ControlUsed) else event.place.thread
        try:
            await self._send_ephemeral(event.place, user, thread, message)
        except SlackRejected as error:
            if error.name in _NOT_THERE:
                return await self._send_direct(user, message)
            _LOG.warning("the private reply to %s was not delivered: %s", user, error)
        except DeliveryError as error:
            _LOG.warning("the private reply to %s was not delivered: %s", user, error)

    async def open_modal(self, modal: OpenModal) -> None:
        """Open a modal; if Slack refuses, say so. Its trigger has expired before a rate limit ends, so no limit is waited out."""
        try:
            await self._api.write("views.open", lambda client: client.views_open(trigger_id=modal.trigger, view=modal.view))
        except DeliveryError as error:
            _LOG.warning("a modal could not be opened: %s", error)
            notice = private_notice(modal.event, f"Slack did not open the form. Try again, or {modal.instead}.")
            await self.notify(notice.event, notice.message)

    async def update_modal(self, modal: UpdateModal) -> None:
        """Draw an open modal again. A failure is only logged: what the person submits decides."""
        try:
            await self._api.write_with_wait(
                "views.update", lambda client: client.views_update(view_id=modal.view_id, hash=modal.hash, view=modal.view)
            )
        except DeliveryError as error:
            _LOG.warning("a modal could not be updated: %s", error)

    async def remove(self, response_url: str) -> None:
        """Remove a private message whose button was used: it must not look as if it could be used again.

        Slack lets an app change such a message for half an hour, at the address that the click names.
        """
        if not is_slack_address(response_url, self._api.url):
            return
        try:
            request = self._api.session.post(response_url, json={"delete_original": True}, proxy=proxy_for(response_url))
            async with request as response:
                response.raise_for_status()
        except (aiohttp.ClientError, TimeoutError, DeliveryError) as error:
            _LOG.info("a used private message stays: %s", type(error).__name__)

    def message_url(self, link: Link) -> str | None:
        """The web address of a message, if its channel is known."""
        channel = self._channels.known_channel_id(link.place)
        return self._workspace.message_url(channel, link.message, link.place.thread) if channel else None

    async def _send_ephemeral(self, place: Place, user: str, thread: str | None, message: SlackMessage) -> None:
        channel = await self._channels.channel_id(place)
        if place.channel.startswith("@"):
            await self._api.write_with_wait(
                "chat.postMessage",
                lambda client: client.chat_postMessage(
                    channel=channel, thread_ts=thread, unfurl_links=False, metadata=dict(marker_metadata("word")), **message
                ),
            )
        else:
            await self._api.write_with_wait(
                "chat.postEphemeral",
                lambda client: client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, **message),
            )

    async def _send_direct(self, user: str, message: SlackMessage) -> None:
        try:
            await self._send_ephemeral(direct_place(user), user, None, message)
        except DeliveryError as error:
            _LOG.warning("the private reply to %s was not delivered: %s", user, error)

    async def _publish_home(self, event: CommandReceived, reply: PrivateReply) -> None:
        user = event.author.id
        view = home_view(
            reply,
            self.message_url,
            selectable=self._selectable,
            channel_selected=bool(dict(event.options).get("channel")),
            result=self._home_tabs.rendered(user, reply),
        )
        try:
            await self._api.write_with_wait("views.publish", lambda client: client.views_publish(user_id=user, view=view))
        except DeliveryError as error:
            _LOG.warning("App Home of %s could not be published: %s", user, error)


async def acknowledge(api: SlackApi, channel: str, place: Place, acknowledgement: Acknowledgement, key: str) -> PostedMessage:
    """Acknowledge a reply with a reaction, and with a text if there is one.

    Repeating it has no effect, except for a text in the thread, which has a marker.

    Raises:
        NotSent: it did not arrive.
        SendUncertain: it may have arrived.
        SendRejected: it never will.
    """
    await _react(api, channel, acknowledgement)
    timestamp = f"{api.now():.6f}"
    if acknowledgement.text:
        timestamp = await _reply_in_words(api, channel, place, acknowledgement, key)
    return to_posted(place, acknowledgement, timestamp)


def to_posted(place: Place, acknowledgement: Acknowledgement, timestamp: str) -> PostedMessage:
    """The result of an acknowledgement whose last request has this timestamp."""
    return PostedMessage(message=acknowledgement.message, thread=place.thread, at=float(timestamp))


async def _react(api: SlackApi, channel: str, acknowledgement: Acknowledgement) -> None:
    name = REACTIONS[acknowledgement.sign]
    try:
        await api.write(
            "reactions.add", lambda client: client.reactions_add(channel=channel, timestamp=acknowledgement.message, name=name)
        )
    except SlackRejected as error:
        if error.name not in _NOTHING_TO_DO:
            raise


async def _reply_in_words(api: SlackApi, channel: str, place: Place, acknowledgement: Acknowledgement, key: str) -> str:
    """Answer a late reply in the thread, where all see it; answer what was no valid reply to its author alone."""
    text = escape_mrkdwn(localise_commands(acknowledgement.text))
    message: SlackMessage = {"text": text, "blocks": [section(text)]}
    if acknowledgement.sign == "refused" and not place.channel.startswith("@"):
        response = await api.write(
            "chat.postEphemeral",
            lambda client: client.chat_postEphemeral(
                channel=channel, user=acknowledgement.author.id, thread_ts=place.thread, **message
            ),
        )
        return str(response["message_ts"])
    response = await api.write(
        "chat.postMessage",
        lambda client: client.chat_postMessage(
            channel=channel, thread_ts=place.thread or acknowledgement.message, metadata=dict(marker_metadata(key)), **message
        ),
    )
    return str(response["ts"])
