"""What a person is told about a message of hers: a reaction, which takes no room, and words where a sign says too little."""

from __future__ import annotations

from adapters.slack.api import SlackApi
from adapters.slack.blocks import section
from adapters.slack.cards import SlackMessage
from adapters.slack.errors import SlackRejected
from adapters.slack.escape import escape_mrkdwn
from adapters.slack.parts import marker_metadata
from adapters.slack.phrases import localise_commands
from orchestrator_bridge.chat import Acknowledgement, Place, PostedMessage

REACTIONS = {"taken": "white_check_mark", "late": "hourglass", "refused": "x", "passed": "wave"}

_NOTHING_TO_DO = frozenset({"already_reacted", "too_many_emoji", "too_many_reactions"})
"""Refusals that leave nothing to do: the sign is there, or there is no room for one."""


async def acknowledge(api: SlackApi, channel: str, place: Place, acknowledgement: Acknowledgement, key: str) -> PostedMessage:
    """React, and say what there is to say. Again is harmless but for words in the thread, which have a marker.

    Raises:
        NotSent: it did not arrive.
        SendUncertain: it may have arrived.
        SendRejected: it never will.
    """
    await _react(api, channel, acknowledgement)
    said = await _reply_in_words(api, channel, place, acknowledgement, key) if acknowledgement.text else f"{api.now():.6f}"
    return to_posted(place, acknowledgement, said)


def to_posted(place: Place, acknowledgement: Acknowledgement, stamp: str) -> PostedMessage:
    """What became of a receipt whose last request has this timestamp."""
    return PostedMessage(message=acknowledgement.message, thread=place.thread, at=float(stamp))


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
    """Late words are answered for all to see, since all see the thread; what was no answer, to its writer alone."""
    text = escape_mrkdwn(localise_commands(acknowledgement.text))
    message: SlackMessage = {"text": text, "blocks": [section(text)]}
    private = acknowledgement.sign == "refused" and not place.channel.startswith("@")
    if private:
        told = await api.write(
            "chat.postEphemeral",
            lambda client: client.chat_postEphemeral(
                channel=channel, user=acknowledgement.author.id, thread_ts=place.thread, **message
            ),
        )
        return str(told["message_ts"])
    told = await api.write(
        "chat.postMessage",
        lambda client: client.chat_postMessage(
            channel=channel, thread_ts=place.thread or acknowledgement.message, metadata=dict(marker_metadata(key)), **message
        ),
    )
    return str(told["ts"])
