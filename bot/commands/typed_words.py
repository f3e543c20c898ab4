"""Words addressed to the bot that name no command: they start a run only if they are a clear task, or after a yes."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from orchestrator_bridge.chat.command_line import TASK
from orchestrator_bridge.chat.inbound import CommandReceived
from orchestrator_bridge.chat.outbound import Confirmation, PrivateReply
from orchestrator_bridge.common.text import clean, shorten
from orchestrator_bridge.question.parsing.task import judge_task

QUOTE = 300
"""Characters of a doubtful task that are quoted in the offer to start it."""

FILES_ONLY = "What about this?"
"""The task of a message that consists of files alone."""

EDITED = (
    "I did not read your edit: a command or task is carried out once. To change a task, write in the thread of its run; to start "
    "again, send a new message."
)
NOT_A_TASK = "I did not start anything: that is no task. To give one, use `/ask` and the task; `/help` lists the commands."


def task_command(command: CommandReceived) -> CommandReceived | PrivateReply:
    """The `ask` command that typed words give, or else the reply to them: an offer to start, or how to give a task.

    The option `about` is a message that the words are about; it becomes a part of the task.
    """
    about = dict(command.options).get("about", "")
    task = "\n\n".join(part for part in (command.text.strip(), about) if part) or (FILES_ONLY if command.attachments else "")
    ask = replace(command, name="ask", text=task, options=())
    match judge_task(command.text, addressed=command.name == TASK):
        case "task":
            return ask
        case "small_talk" if command.text.strip() or not task:
            return PrivateReply(text=NOT_A_TASK)
        case "small_talk" | "doubtful" if command.attachments:
            return ask  # nobody attaches a file in passing
        case "doubtful" if about and command.name == TASK:
            return ask  # "why?" in reply to a message, with a mention of the bot
        case "small_talk" | "doubtful":
            return _offer(task)
        case unknown:
            assert_never(unknown)


def _offer(task: str) -> PrivateReply:
    quoted = shorten(" ".join(clean(task).split()), QUOTE)
    confirm = Confirmation(label="Start a run", name="ask", text=task)
    return PrivateReply(text=f"Should the agents work on this? A run costs money.\n> {quoted}", confirm=confirm)
