"""Where what people do goes: to the run that it concerns, to whoever carries out commands, or back with a word on why not."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from orchestrator_bridge.chat.attachments import with_texts
from orchestrator_bridge.chat.inbound import (
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InputClosed,
    MessageDeleted,
    MessageReceived,
)
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.attachments import AttachmentLoader
from orchestrator_bridge.engine.background import retry_until_writable
from orchestrator_bridge.engine.supervisor import RunSupervisor
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.records import InboxEntryHandled
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Store, StoreError, Target

_LOG = logging.getLogger(__name__)

OnCommand = Callable[[CommandReceived], Awaitable[PrivateReply | None]]


class Router:
    """Routes what was received. `only_own_runs`: runs of an earlier process are left as they are. `reply_privately` gives a word
    back."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        runs: RunSupervisor,
        attachments: AttachmentLoader,
        on_command: OnCommand,
        reply_privately: Callable[[InboundEvent, PrivateReply], None],
        tasks: BackgroundTasks,
    ) -> None:
        self.only_own_runs = False
        self._store = store
        self._clock = clock
        self._runs = runs
        self._attachments = attachments
        self._on_command = on_command
        self._reply_privately = reply_privately
        self._tasks = tasks
        self._attachment_tasks = BackgroundTasks()
        self._closed_platforms: set[str] = set()

    async def route(self, event: InboundEvent, target: Target | None) -> None:
        """Bring one thing that was heard to what it concerns, or say why it concerns nobody."""
        match event:
            case CommandReceived():
                self._tasks.start(self._command(event))
            case InputClosed():
                await self._close_platform(event)
            case _ if target is not None and self._is_foreign_run(target.run):
                await self._refuse(event, f"Run {target.run} rests until the bot is started: townhall run.", "its run rests")
            case MessageReceived() if target is not None and event.attachments:
                self._attachment_tasks.start(self._deliver_with_files(event, target))
            case _ if target is not None:
                await self._deliver(event, target)
            case ControlUsed(question=number) | MessageReceived(question=int(number)):
                advice = "" if isinstance(event, ControlUsed) else " If that is a task, put /ask before it."
                await self._refuse(event, f"There is no question {number}.{advice}", "no such question")
            case _:
                await self.mark_handled(event, "nothing of ours")

    async def wait_attachments(self) -> None:
        """Wait until the files that people attached so far have reached their runs."""
        await self._attachment_tasks.join()

    async def stop(self) -> None:
        """Stop fetching files; what they were attached to stays in the inbox."""
        await self._attachment_tasks.stop()

    @property
    def idle(self) -> bool:
        """No file is on its way to a run."""
        return not self._attachment_tasks

    def no_human_reachable(self, state: RunState) -> bool:
        """Nobody is there any more to see the questions of this run."""
        return state.place.platform in self._closed_platforms and state.run in self._runs.started_here

    async def mark_handled(self, event: InboundEvent, why: str) -> None:
        """Mark what was heard, however long the disk takes: what has been refused must not be done at the next start."""
        mark = partial(self._store.append, rows=[InboxEntryHandled(key=event.key, why=why)])
        try:
            await retry_until_writable(
                self._clock, mark, lambda error: _LOG.error("%s waits to be marked as handled: %s", event.key, error)
            )
        except StoreError as error:
            _LOG.error("%s could not be marked as handled and is heard again at the next start: %s", event.key, error)

    def _is_foreign_run(self, run: int) -> bool:
        return self.only_own_runs and run not in self._runs.started_here

    async def _refuse(self, event: InboundEvent, text: str, why: str) -> None:
        self._reply_privately(event, PrivateReply(text=text, tone="warning"))
        await self.mark_handled(event, why)

    async def _close_platform(self, event: InputClosed) -> None:
        """Nobody is there any more: questions to people of this platform fall back, now and later, in runs that began here.

        Runs of an earlier process keep theirs open: whoever was asked then may come back to answer.
        """
        self._closed_platforms.add(event.place.platform)
        for run in self._runs.started_here:
            self._runs.deliver(run, inputs.PlatformUnattended(platform=event.place.platform))
        await self.mark_handled(event, "")

    # To a run -------------------------------------------------------------------------------------------------------------

    async def _deliver(self, event: MessageReceived | MessageDeleted | ControlUsed, target: Target) -> None:
        run_input = _run_input(event, target)
        if run_input is not None:
            self._runs.deliver(target.run, run_input)
        else:
            await self.mark_handled(event, "guidance cannot be taken back")

    async def _deliver_with_files(self, message: MessageReceived, target: Target) -> None:
        """Words with files: text goes along with the words; pictures reach every agent, as guidance does."""
        try:
            state = await self._runs.state(target.run)
        except StoreError:
            await self._deliver(message, target)
            return
        files = await self._attachments.load(message.place.platform, message.attachments, state.team)
        if target.question is None:
            self._runs.deliver(target.run, inputs.MessageInThread(message=message, question=None, files=files))
            return
        self._runs.deliver(
            target.run,
            inputs.MessageInThread(message=replace(message, text=with_texts(message.text, files)), question=target.question),
        )
        pictures = tuple(file for file in files if file.picture)
        if pictures:
            shown = replace(message, text=f"Attached to a reply to question {target.question}.")
            self._runs.deliver(target.run, inputs.MessageInThread(message=shown, question=None, files=pictures))

    # Commands -------------------------------------------------------------------------------------------------------------

    async def _command(self, event: CommandReceived) -> None:
        """Obey a command. One that has no word to say back is marked as handled by the transaction that carries it out."""
        reply = await self._execute(event)
        if reply is not None:
            self._reply_privately(event, reply)
            await self.mark_handled(event, "")

    async def _execute(self, event: CommandReceived) -> PrivateReply | None:
        """Carry a command out as soon as the store takes it. Until then it stays in the inbox: a restart carries it out too."""
        try:
            return await retry_until_writable(
                self._clock, lambda: self._on_command(event), lambda error: self._reply_delayed(event, error)
            )
        except StoreError as error:
            return PrivateReply(text=f"Not done: {error}", tone="warning")
        except Exception as error:
            _LOG.exception("the command %s broke", event.name)
            return PrivateReply(
                text=f"Something in Townhall broke ({type(error).__name__}); the log has the details.", tone="warning"
            )

    def _reply_delayed(self, event: CommandReceived, error: StoreError) -> None:
        text = f"This waits, and is done as soon as the store can be written again; there is no need to repeat it. {error}"
        self._reply_privately(event, PrivateReply(text=text, tone="warning"))


def _run_input(event: MessageReceived | MessageDeleted | ControlUsed, target: Target) -> inputs.RunInput | None:
    match event:
        case MessageReceived():
            return inputs.MessageInThread(message=event, question=target.question)
        case ControlUsed():
            return inputs.QuestionControlUsed(used=event)
        case MessageDeleted() if target.question is not None or event.message == event.place.thread:
            return inputs.MessageRetracted(deletion=event, question=target.question)
        case _:
            return None
