"""What a person is told about a message of hers: a reaction, which takes no room, and words where a sign says too little."""

from __future__ import annotations

from adapters.slack.api import Api
from adapters.slack.blocks import section
from adapters.slack.cards import Message
from adapters.slack.errors import Refused
from adapters.slack.escape import escaped
from adapters.slack.parts import metadata
from adapters.slack.phrases import in_slack
from orchestrator_bridge.chat import Acknowledgement, Place, PostedMessage

REACTIONS = {"taken": "white_check_mark", "late": "hourglass", "refused": "x", "passed": "wave"}

_DONE = frozenset({"already_reacted", "too_many_emoji", "too_many_reactions"})
"""Refusals that leave nothing to do: the sign is there, or there is no room for one."""


async def give_receipt(api: Api, channel: str, place: Place, acknowledgement: Acknowledgement, key: str) -> PostedMessage:
    """React, and say what there is to say. Again is harmless but for words in the thread, which have a marker.

    Raises:
        NotSent: it did not arrive.
        SendUncertain: it may have arrived.
        SendRejected: it never will.
    """
    await _react(api, channel, acknowledgement)
    said = await _say(api, channel, place, acknowledgement, key) if acknowledgement.text else f"{api.now():.6f}"
    return receipt_given(place, acknowledgement, said)


def receipt_given(place: Place, acknowledgement: Acknowledgement, stamp: str) -> PostedMessage:
    """What became of a receipt whose last request has this timestamp."""
    return PostedMessage(message=acknowledgement.message, thread=place.thread, at=float(stamp))


async def _react(api: Api, channel: str, acknowledgement: Acknowledgement) -> None:
    name = REACTIONS[acknowledgement.sign]
    try:
        await api.write(
            "reactions.add", lambda client: client.reactions_add(channel=channel, timestamp=acknowledgement.message, name=name)
        )
    except Refused as error:
        if error.name not in _DONE:
            raise


async def _say(api: Api, channel: str, place: Place, acknowledgement: Acknowledgement, key: str) -> str:
    """Late words are answered for all to see, since all see the thread; what was no answer, to its writer alone."""
    text = escaped(in_slack(acknowledgement.text))
    message: Message = {"text": text, "blocks": [section(text)]}
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
            channel=channel, thread_ts=place.thread or acknowledgement.message, metadata=dict(metadata(key)), **message
        ),
    )
    return str(told["ts"])
