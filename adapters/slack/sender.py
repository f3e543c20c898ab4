"""Posts and edits. An interrupted post of several messages is continued where it stopped, since each
message can be found again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.blocks import section
from adapters.slack.channels import SlackChannels
from adapters.slack.history import SlackHistory
from adapters.slack.message_parts import MessagePart, is_turn, marker_metadata, message_parts
from adapters.slack.plain_forms import is_too_long, message_text, send_accepted_form
from adapters.slack.render import SlackMessage
from adapters.slack.responses import acknowledge, to_posted
from adapters.slack.streaming import SlackStreams
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, OutboundPost, PostedMessage, QuestionCard, RunCard
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

REMEMBERED = 1000
"""Cards whose last content is cached, so that an edit without a change is not sent."""


ABSENT_RETRY_AFTER, ABSENT_FOR = 300.0, 7 * 86_400.0
"""Seconds between two attempts to close a card in a channel that the bot has left, and seconds for which it is tried."""


class SlackSender:
    """Sends posts, for one bot."""

    def __init__(
        self, api: SlackApi, workspace: Workspace, channels: SlackChannels, history: SlackHistory, streams: SlackStreams
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._channels = channels
        self._history = history
        self._streams = streams
        self._as_speaker = workspace.has_scope("chat:write.customize")
        self._contents: LruMap[str, Mapping[str, Any]] = LruMap(REMEMBERED)

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` specifies."""
        channel = await self._channels.channel_id(outbound.place)
        try:
            if isinstance(outbound.post, Acknowledgement):
                return await acknowledge(self._api, channel, outbound.place, outbound.post, outbound.key)
            if outbound.replaces is not None:
                return await self._edit(outbound, channel, outbound.replaces)
            return await self._post(outbound, channel, {})
        except SlackRejected as error:
            if error.name in ("not_in_channel", "channel_not_found"):
                self._channels.forget_channel(channel)
                if self._closes_recent_card(outbound):
                    raise NotSent(f"the card is closed once the bot is back: {error}", ABSENT_RETRY_AFTER) from error
            raise

    def _closes_recent_card(self, outbound: OutboundPost) -> bool:
        """True for the last edit of a card whose channel may take the bot back: until then the card looks open."""
        ends = isinstance(outbound.post, RunCard | QuestionCard) and outbound.post.ended and outbound.replaces is not None
        return ends and self._api.now() < outbound.since + ABSENT_FOR

    async def find(self, outbound: OutboundPost) -> PostedMessage | None:
        """Find an earlier attempt, as `Adapter.find_sent` specifies; the messages that are missing are posted."""
        channel = await self._channels.channel_id(outbound.place)
        found = await self._history.find_sent(outbound, channel)
        if not found:
            return None
        if isinstance(outbound.post, Acknowledgement):  # its text is posted last, after the reaction
            return to_posted(outbound.place, outbound.post, found[outbound.key])
        try:
            return await self._post(outbound, channel, found)
        except SendUncertain as error:
            raise NotSent(str(error)) from error

    async def _post(self, outbound: OutboundPost, channel: str, found: Mapping[str, str]) -> PostedMessage:
        """Post the parts that are not in `found`. The first message is the one that others refer to."""
        # The answer takes the place of its first draft, unless a part of it is a file, which no edit can add.
        first, begun = "", bool(found)
        drafts = await self._existing_streams(outbound, channel)
        parts = message_parts(outbound, as_speaker=self._as_speaker)
        replaced = drafts[0] if drafts and not any(part.file for part in parts) and outbound.key not in found else ""
        for part in parts:
            draft = replaced if part.key == outbound.key else ""
            message = found.get(part.key) or await self._post_part(part, channel, first, begun=begun, draft=draft)
            first, begun = first or ("" if part.file else message), True
        await self._delete_streams(outbound, channel, [draft for draft in drafts if draft != first])
        is_card = isinstance(outbound.post, RunCard | QuestionCard) and not is_turn(outbound)
        # A draft's timestamp is that of its start, but the answer is as new as the edit.
        at = self._api.now() if first == replaced else float(first)
        return PostedMessage(message=first, thread=first if is_card else outbound.place.thread, at=at)

    async def _existing_streams(self, outbound: OutboundPost, channel: str) -> list[str]:
        """The drafts that a final answer replaces."""
        post = outbound.post
        if not isinstance(post, FinalAnswer) or not post.drafted:
            return []
        return await self._streams.existing_messages(outbound, channel, post.run)

    async def _delete_streams(self, outbound: OutboundPost, channel: str, drafts: Sequence[str]) -> None:
        """Delete the drafts beside the answer; the post is complete only after that."""
        try:
            for timestamp in drafts:
                await self._streams.remove(channel, timestamp)
        except NotSent as error:
            raise SendUncertain(f"the answer was posted, but a draft of it is left: {error}") from error
        if isinstance(outbound.post, FinalAnswer):
            self._streams.finish(outbound.post.run)

    async def _post_part(self, part: MessagePart, channel: str, first: str, *, begun: bool, draft: str = "") -> str:
        try:
            if part.file:
                return await self._upload(part, channel)
            if draft and await self._convert_stream(part, channel, draft):
                return draft
            return await self._post_message(part, channel, self._pointer_message(part, channel, first))
        except NotSent as error:
            if not begun:
                raise
            # Only before repeating an uncertain post are its earlier parts looked for.
            raise SendUncertain(f"only a part of the post was posted: {error}") from error

    def _pointer_message(self, part: MessagePart, channel: str, first: str) -> SlackMessage:
        if not part.pointer:
            return part.message
        url = self._workspace.message_url(*(part.link or (channel, first)))
        return {**part.message, "blocks": [*part.message["blocks"], section(f"<{url}|{part.link_text}>")]}

    async def _post_message(self, part: MessagePart, channel: str, message: SlackMessage) -> str:
        """Post a message; without the scope for an agent's name, once more with the name in the text."""
        try:
            return await self._create(part, channel, message)
        except SlackRejected as error:
            if error.name != "missing_scope" or "username" not in message:
                raise
        self._as_speaker = False
        plain = {name: value for name, value in message.items() if name not in ("username", "icon_emoji")}
        blocks = [section(f"*{message['username']}*"), *plain["blocks"]]
        return await self._create(part, channel, {**plain, "blocks": blocks})

    async def _create(self, part: MessagePart, channel: str, message: SlackMessage) -> str:
        """Post a message in the first form that Slack accepts; a text that is cut for that is attached as a file."""
        forms: list[SlackMessage] = []

        async def post(form: SlackMessage) -> str:
            forms.append(form)
            response = await self._api.post(
                channel,
                lambda client: client.chat_postMessage(
                    channel=channel,
                    thread_ts=part.thread,
                    metadata=dict(marker_metadata(part.key)),
                    parse="none",
                    link_names=False,
                    unfurl_links=False,
                    unfurl_media=False,
                    **form,
                ),
            )
            return str(response["ts"])

        timestamp = await send_accepted_form(message, post)
        if "blocks" not in forms[-1] and is_too_long(message):
            text = message_text(message).encode("utf-8", "replace")
            file = f"{part.key.replace(':', '-')}.md"
            await self._upload(replace(part, thread=part.thread or timestamp, file=file, content=text), channel)
        return timestamp

    async def _convert_stream(self, part: MessagePart, channel: str, draft: str) -> bool:
        """Turn the message of a draft into the answer, with its marker; False if that is impossible. It may be repeated."""
        content = {"text": part.message["text"], "blocks": part.message["blocks"], "metadata": dict(marker_metadata(part.key))}
        try:
            await self._streams.stop(channel, draft)
            await self._api.write(
                "chat.update",
                lambda client: client.chat_update(channel=channel, ts=draft, parse="none", link_names=False, **content),
            )
        except SlackRejected as error:
            if error.name in ("channel_not_found", "not_in_channel", "is_archived"):
                raise
            _LOG.info("a draft cannot become the answer, posting a new message: %s", error)
            return False
        return True

    async def _upload(self, part: MessagePart, channel: str) -> str:
        """Upload a file to a thread. It has no marker; it is found again by its name, which is unique."""
        await self._api.write(
            "files.completeUploadExternal",
            lambda client: client.files_upload_v2(
                filename=part.file, title=part.file, content=part.content, channel=channel, thread_ts=part.thread
            ),
        )
        return part.key

    async def _update(self, channel: str, timestamp: str, form: SlackMessage) -> None:
        # A message keeps its old blocks unless an edit replaces them.
        edit = {"channel": channel, "ts": timestamp, "blocks": [], **form}
        await self._api.write("chat.update", lambda client: client.chat_update(**edit, parse="none", link_names=False))

    async def _edit(self, outbound: OutboundPost, channel: str, replaced: PostedMessage) -> PostedMessage:
        """Edit a card, unless its content is the same: Slack allows few edits."""
        parts = message_parts(outbound, as_speaker=self._as_speaker)
        if not parts:
            raise SendRejected(f"a {outbound.post.kind} cannot replace a message; expected a card")
        content = parts[0].message
        name = f"{channel}/{replaced.message}"
        if self._contents.get(name) != content:
            shown = {"text": content["text"], "blocks": content["blocks"]}
            await send_accepted_form(shown, lambda form: self._update(channel, replaced.message, form))
            self._contents.put(name, content)
        return replaced
