"""Turns of a conversation in chat: which messages need a confirmation, and the offer to go on or to start anew."""

from __future__ import annotations

from dataclasses import replace

from bot.commands.typed_words import FILES_ONLY, quoted_words
from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Confirmation, PrivateReply
from orchestrator_bridge.question.parsing.task import judge_task
from orchestrator_bridge.run.state import RunState

CONVERSATION = "conversation"
"""Option of `/ask` that says whether a task goes on with a conversation: the number of its newest run, or `ANEW`."""

ANEW = "new"


def thread_of_command(command: CommandReceived) -> Place:
    """The thread of the bot in which a command was given; its place if that is all that is known."""
    return command.card_thread or command.place


def is_unclear(message: MessageReceived) -> bool:
    """True if a message in the thread of a run that has ended may start a turn only after a yes.

    That is so for words that are neither a clear task nor a question to the bot ("why?"), with files or without.
    """
    asks = message.addressed and "?" in message.text
    return not asks and judge_task(message.text, addressed=message.addressed) != "task"


def offer_turn(command: CommandReceived, run: RunState) -> PrivateReply:
    """The offer to go on with the conversation of a run that has ended, or to start anew."""
    quoted = quoted_words(command.text, command.attachments)
    options = tuple((key, value) for key, value in command.options if key != CONVERSATION)
    chosen = Confirmation(
        label=f"Continue run {run.run}", name="ask", text=command.text or FILES_ONLY, attachments=command.attachments
    )
    return PrivateReply(
        text=(
            f"Should the agents go on from the answer of run {run.run}, or start anew without it? A run costs money.\n> {quoted}"
        ),
        confirm=replace(chosen, options=(*options, (CONVERSATION, str(run.run)))),
        alternative=replace(chosen, label="Start anew", options=(*options, (CONVERSATION, ANEW))),
    )
