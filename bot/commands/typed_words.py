"""Words addressed to the bot that name no command: they start a run only if they are a clear task, or after a yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from orchestrator_bridge.chat.command_line import TASK, strip_lead
from orchestrator_bridge.chat.inbound import Attachment, CommandReceived
from orchestrator_bridge.chat.outbound import Confirmation, PrivateReply
from orchestrator_bridge.chat.typed_requests import parse_stop_request
from orchestrator_bridge.common.text import clean, listed, one_line, shorten
from orchestrator_bridge.question.parsing.task import is_small_talk, judge_task

QUOTE = 300
"""Characters of a doubtful task that are quoted in the offer to start it."""

FILES_ONLY = "What about this?"
"""The task of a message that consists of files alone."""

EDITED = (
    "I did not read your edit: a command or task is carried out once. To change a task, write in the thread of its run; to start "
    "again, send a new message."
)
NOT_A_TASK = "I did not start anything: that is no task. To give one, use `/ask` and the task; `/help` lists the commands."


def task_command(command: CommandReceived, *, announced: bool = False) -> CommandReceived | PrivateReply:
    """The `ask` command that typed words give, or else the reply to them: an offer to start or to stop, or how to give a task.

    The option `about` is a message that the words are about; it becomes a part of the task. `announced`: the person was shown
    before that the words would start a run, as on the terminal; then all words but small talk are a task.
    """
    about = dict(command.options).get("about", "")
    text = strip_lead(command.text)
    task = "\n\n".join(part for part in (text, about) if part) or (FILES_ONLY if command.attachments else "")
    ask = replace(command, name="ask", text=task, options=())
    addressed = command.name == TASK
    if not about and (stop := parse_stop_request(text)) is not None:
        return stop_offer(stop.run)
    if announced and task and not is_small_talk(text):
        return ask
    match judge_task(text, addressed=addressed, about=bool(about) and addressed):
        case "task":
            return ask
        case "small_talk" if not command.attachments and (text or not task):
            return PrivateReply(text=NOT_A_TASK)
        case "small_talk" | "doubtful":
            return _offer(task, command)
        case unknown:
            assert_never(unknown)


def stop_offer(run: int | None) -> PrivateReply:
    """Ask whether words that speak of stopping are to end a run; None is the only active one."""
    which = "the run" if run is None else f"run {run}"
    confirm = Confirmation(label=f"Cancel {which}", name="cancel", text="" if run is None else str(run))
    return PrivateReply(text=f"Do you want to cancel {which}? Nothing was started or stopped.", confirm=confirm)


def quoted_words(task: str, files: Sequence[Attachment]) -> str:
    """A task and the names of its files on one line, as an offer quotes them."""
    names = listed([file.name for file in files]) if files else ""
    said = " ".join(clean(task).split())
    return shorten(f"{said} ({one_line(names, 120)})" if names else said, QUOTE)


def _offer(task: str, command: CommandReceived) -> PrivateReply:
    quoted = quoted_words(task, command.attachments)
    confirm = Confirmation(label="Start a run", name="ask", text=task, thread=command.thread, attachments=command.attachments)
    return PrivateReply(text=f"Should the agents work on this? A run costs money.\n> {quoted}", confirm=confirm)
