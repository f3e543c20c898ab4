"""Posts and edits. What takes several messages is carried on where it stopped, for each of them can be found again."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.blocks import section
from adapters.slack.channels import SlackChannels
from adapters.slack.history import SlackHistory
from adapters.slack.message_parts import MessagePart, marker_metadata, message_parts
from adapters.slack.responses import acknowledge, to_posted
from adapters.slack.streaming import SlackStreams
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, OutboundPost, PostedMessage, QuestionCard, RunCard

_LOG = logging.getLogger(__name__)

REMEMBERED = 1000
"""Cards whose newest content is remembered, so that an edit without a change is not sent."""


class SlackSender:
    """Sends for one bot."""

    def __init__(
        self, api: SlackApi, workspace: Workspace, channels: SlackChannels, history: SlackHistory, streams: SlackStreams
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._channels = channels
        self._history = history
        self._streams = streams
        self._as_speaker = workspace.has_scope("chat:write.customize")
        self._shown: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` says."""
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
            raise

    async def find(self, outbound: OutboundPost) -> PostedMessage | None:
        """What an earlier attempt left, as `Adapter.find_sent` says; what it did not come to is posted."""
        channel = await self._channels.channel_id(outbound.place)
        there = await self._history.find_sent(outbound, channel)
        if not there:
            return None
        if isinstance(outbound.post, Acknowledgement):  # its words come last, after the reaction
            return to_posted(outbound.place, outbound.post, there[outbound.key])
        try:
            return await self._post(outbound, channel, there)
        except SendUncertain as error:
            raise NotSent(str(error)) from error

    # Posting --------------------------------------------------------------------------------------------------------------

    async def _post(self, outbound: OutboundPost, channel: str, there: Mapping[str, str]) -> PostedMessage:
        """Post the parts that are not there yet. The first message is the one that others refer to."""
        first, begun = "", bool(there)
        drafts = await self._existing_streams(outbound, channel)
        made = message_parts(outbound, as_speaker=self._as_speaker)
        instead = drafts[0] if drafts and not any(part.file for part in made) and outbound.key not in there else ""
        for part in made:
            draft = instead if part.key == outbound.key else ""
            message = there.get(part.key) or await self._post_part(part, channel, first, begun=begun, draft=draft)
            first, begun = first or ("" if part.file else message), True
        await self._delete_streams(outbound, channel, [one for one in drafts if one != first])
        opens = isinstance(outbound.post, RunCard | QuestionCard)
        at = self._api.now() if first == instead else float(first)
        return PostedMessage(message=first, thread=first if opens else outbound.place.thread, at=at)

    async def _existing_streams(self, outbound: OutboundPost, channel: str) -> list[str]:
        """The drafts whose place an answer takes."""
        post = outbound.post
        return (
            await self._streams.existing_messages(outbound, channel, post.run)
            if isinstance(post, FinalAnswer) and post.drafted
            else []
        )

    async def _delete_streams(self, outbound: OutboundPost, channel: str, drafts: Sequence[str]) -> None:
        """Delete the drafts that are left beside the answer; until that is done the answer is not."""
        try:
            for stamp in drafts:
                await self._streams.remove(channel, stamp)
        except NotSent as error:
            raise SendUncertain(f"the answer has arrived, and a draft of it is left: {error}") from error
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
            raise SendUncertain(f"a part of the post has arrived, and then: {error}") from error

    def _pointer_message(self, part: MessagePart, channel: str, first: str) -> Mapping[str, Any]:
        if not part.pointer:
            return part.message
        address = self._workspace.message_url(channel, first)
        return {**part.message, "blocks": [*part.message["blocks"], section(f"<{address}|Go to the run>")]}

    async def _post_message(self, part: MessagePart, channel: str, message: Mapping[str, Any]) -> str:
        try:
            return await self._post_as_speaker(part, channel, message)
        except SlackRejected as error:
            if error.name != "missing_scope" or "username" not in message:
                raise
        self._as_speaker = False
        spoken = {name: value for name, value in message.items() if name not in ("username", "icon_emoji")}
        return await self._post_as_speaker(
            part, channel, {**spoken, "blocks": [section(f"*{message['username']}*"), *spoken["blocks"]]}
        )

    async def _post_as_speaker(self, part: MessagePart, channel: str, message: Mapping[str, Any]) -> str:
        told = await self._api.write(
            "chat.postMessage",
            lambda client: client.chat_postMessage(
                channel=channel,
                thread_ts=part.thread,
                metadata=dict(marker_metadata(part.key)),
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
                **message,
            ),
        )
        return str(told["ts"])

    async def _convert_stream(self, part: MessagePart, channel: str, draft: str) -> bool:
        """Make the message of a draft the answer, with its marker; False if it cannot be one any more. Again is harmless."""
        shown = {"text": part.message["text"], "blocks": part.message["blocks"], "metadata": dict(marker_metadata(part.key))}
        try:
            await self._streams.stop(channel, draft)
            await self._api.write(
                "chat.update",
                lambda client: client.chat_update(channel=channel, ts=draft, parse="none", link_names=False, **shown),
            )
        except SlackRejected as error:
            if error.name in ("channel_not_found", "not_in_channel", "is_archived"):
                raise
            _LOG.info("a draft cannot be made the answer, which is posted anew: %s", error)
            return False
        return True

    async def _upload(self, part: MessagePart, channel: str) -> str:
        """A file in a thread. It has no marker: it is found again by its name, which is the run's alone."""
        await self._api.write(
            "files.completeUploadExternal",
            lambda client: client.files_upload_v2(
                filename=part.file, title=part.file, content=part.content, channel=channel, thread_ts=part.thread
            ),
        )
        return part.key

    # Editing --------------------------------------------------------------------------------------------------------------

    async def _edit(self, outbound: OutboundPost, channel: str, replaced: PostedMessage) -> PostedMessage:
        """Newer content of a card. What is the same as before is not sent: Slack bears few edits."""
        made = message_parts(outbound, as_speaker=self._as_speaker)
        if not made:
            raise SendRejected(f"a {outbound.post.kind} cannot replace a message; expected a card")
        content = made[0].message
        name = f"{channel}/{replaced.message}"
        if self._shown.get(name) != content:
            shown = {"channel": channel, "ts": replaced.message, "text": content["text"], "blocks": content["blocks"]}
            await self._api.write("chat.update", lambda client: client.chat_update(**shown, parse="none", link_names=False))
            self._remember(name, content)
        return replaced

    def _remember(self, name: str, content: Mapping[str, Any]) -> None:
        self._shown[name] = content
        self._shown.move_to_end(name)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
