"""Inputs of a run: results of calls and tools, what people do, reports of the outbox, and the clock."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.chat.adapter import Standing
from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.chat.thread_context import ThreadContext
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.interface import Response
from orchestrator_bridge.question.decisions import Recollection
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.events import ToolEnd
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import ServerTools
from orchestrator_bridge.tool.model import ToolImage

IN_PLACE = Standing(membership="member", sees=True)
"""Standing of a person who acts in the channel of the run or question: the platform has shown it to them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFinished:
    """A model call returned or failed. `consumed`: positions of the messages that its prompt showed."""

    action: str
    consumed: tuple[int, ...]
    result: Response | ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotGranted:
    """A held call may start."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageInThread:
    """A person wrote in a question's thread, or in the run's (`question` is None)."""

    message: MessageReceived
    question: int | None
    files: tuple[AttachmentContent, ...] = ()
    standing: Standing = IN_PLACE


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextRead:
    """The thread in which the task was given was read, or could not be."""

    context: ThreadContext


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRetracted:
    """A message of a question's thread or its card was deleted, or the run's card (`question` is None)."""

    deletion: MessageDeleted
    question: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionControlUsed:
    """A control of a question was used, by a person with this standing who may know of the question."""

    used: ControlUsed
    standing: Standing = IN_PLACE


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalQuestion:
    """The external agent of this run asks something. `action` is unique."""

    action: str
    ask: Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalCancel:
    """The external agent of this run cancels a question."""

    question: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionCommand:
    """A command that names a question: `/questions 12 …`; `words` are the text after the number.

    Its author has this standing and may know of the question.
    """

    command: CommandReceived
    question: int
    words: str
    standing: Standing = IN_PLACE


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformUnattended:
    """No person can reply on a platform any more."""

    platform: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleAbsent:
    """People whom a question asks are gone: pairs of a responder's id and the reason, a clause after the person's name.

    The question's threads were read to their end first: what they wrote before they left is known.
    """

    question: int
    people: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckPeople:
    """Somebody whom a question asks may be gone."""

    question: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckQuestion:
    """A question's next due time has come."""

    question: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadSynced:
    """A question's thread was read to its end because of this deadline: all replies that came in time are known."""

    question: int
    deadline: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionsRecalled:
    """Earlier decisions were looked up for an ask (`action`)."""

    action: str
    recalled: Recollection


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionDelivered:
    """A question's card is posted, at `noted_at` by our clock."""

    outgoing: OutboxEntry
    posted: PostedMessage
    noted_at: float
    url: str = ""
    """Web address of the card, where the platform has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionUndeliverable:
    """A question's card will never be posted."""

    outgoing: OutboxEntry
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelRun:
    """A person with the permission cancels the run. `key`: the inbox entry of the command."""

    by: Author
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishRun:
    """A person with the permission wants the best answer so far.

    `key`: the inbox entry of the command or message; `message`: the id of the message, which is acknowledged.
    """

    by: Author
    key: str
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessRestarted:
    """The process was restarted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolListReceived:
    """A tool server listed its tools, or failed to."""

    server: str
    offer: ServerTools


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolsChanged:
    """A tool server may offer other tools than before."""

    server: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolFinished:
    """A tool returned or could not be called. `hidden_from`: the agent, if its model takes no pictures."""

    action: str
    end: ToolEnd
    text: str
    images: tuple[ToolImage, ...] = ()
    hidden_from: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TimerFired:
    """A time for which the run waits has come."""


RunInput = (
    CallFinished
    | SlotGranted
    | MessageInThread
    | ContextRead
    | MessageRetracted
    | QuestionControlUsed
    | ExternalQuestion
    | ExternalCancel
    | QuestionCommand
    | PlatformUnattended
    | PeopleAbsent
    | CheckPeople
    | CheckQuestion
    | ThreadSynced
    | DecisionsRecalled
    | QuestionDelivered
    | QuestionUndeliverable
    | CancelRun
    | FinishRun
    | ProcessRestarted
    | ToolListReceived
    | ToolsChanged
    | ToolFinished
    | TimerFired
)
