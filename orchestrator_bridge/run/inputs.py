"""What reaches a run from outside: landed calls, what people do, what the poster and the clock have to say."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.interface import Response
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.events import ToolEnd
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import ServerTools
from orchestrator_bridge.tool.model import ToolImage


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFinished:
    """A model call came back. `consumed`: positions of the news that its prompt showed."""

    action: str
    consumed: tuple[int, ...]
    result: Response | ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotGranted:
    """A call that was held may go."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageInThread:
    """A person said something in a question's thread, or in the run's (`question` is None)."""

    message: MessageReceived
    question: int | None
    files: tuple[AttachmentContent, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRetracted:
    """A message of a question's thread was deleted, its card, or (without a question) the run's card."""

    deletion: MessageDeleted
    question: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionControlUsed:
    """A control of a question was used."""

    used: ControlUsed


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalQuestion:
    """The agent outside whose run this is asks something. `action` is unique."""

    action: str
    ask: Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalCancel:
    """The agent outside whose run this is does not want to know any more."""

    question: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionCommand:
    """A command that names a question: `/questions 12 …`; `words` are what stands behind the number."""

    command: CommandReceived
    question: int
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformUnattended:
    """Nobody is left on a platform."""

    platform: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckQuestion:
    """It is time to look at a question again."""

    question: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadSynced:
    """A question's thread was read to its end, because of this deadline: what was said in time has been heard."""

    question: int
    deadline: float


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionDelivered:
    """A question's card is posted. `noted_at`: when that was, by our clock."""

    outgoing: OutboxEntry
    posted: PostedMessage
    noted_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionUndeliverable:
    """A question's card will never be posted."""

    outgoing: OutboxEntry
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelRun:
    """Somebody who may do so ends the run. `key`: of the command, to be marked as handled."""

    by: Author
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessRestarted:
    """The process was started again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolListReceived:
    """A tool server was asked what it offers."""

    server: str
    offer: ServerTools


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolsChanged:
    """A tool server may offer other tools than before."""

    server: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolFinished:
    """A tool was called, or could not be. `hidden_from`: the agent, where its model takes no pictures."""

    action: str
    end: ToolEnd
    text: str
    images: tuple[ToolImage, ...] = ()
    hidden_from: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TimerFired:
    """A time that the run waits for has come."""


RunInput = (
    CallFinished
    | SlotGranted
    | MessageInThread
    | MessageRetracted
    | QuestionControlUsed
    | ExternalQuestion
    | ExternalCancel
    | QuestionCommand
    | PlatformUnattended
    | CheckQuestion
    | ThreadSynced
    | QuestionDelivered
    | QuestionUndeliverable
    | CancelRun
    | ProcessRestarted
    | ToolListReceived
    | ToolsChanged
    | ToolFinished
    | TimerFired
)
