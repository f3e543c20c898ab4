"""The router: brings an inbound event to the run or command handler that it concerns, or refuses it with a reason."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import assert_never

from orchestrator_bridge.chat.adapter import Standing
from orchestrator_bridge.chat.attachments import is_readable, with_texts
from orchestrator_bridge.chat.inbound import (
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InputClosed,
    MessageDeleted,
    MessageReceived,
    PersonLeft,
    as_command,
)
from orchestrator_bridge.chat.outbound import Confirmation, PrivateReply
from orchestrator_bridge.chat.typed_requests import StopRequest, parse_stop_request
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.attachments import AttachmentLoader
from orchestrator_bridge.engine.authority import Actor, Authority
from orchestrator_bridge.engine.conversations import Conversations
from orchestrator_bridge.engine.mailbox import Mailbox
from orchestrator_bridge.engine.platforms import Platforms
from orchestrator_bridge.engine.retry import FOR_OPERATOR, retry_until_writable
from orchestrator_bridge.engine.run_states import LocalRuns, RunIndex, RunStates
from orchestrator_bridge.question.parsing.intent import asks_to_finish
from orchestrator_bridge.question.parsing.task import judge_task
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.follow_up import is_meant
from orchestrator_bridge.run.questions.availability import OpenQuestionIndex
from orchestrator_bridge.run.records import InboxEntryHandled
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Store, StoreError, Target
from orchestrator_bridge.team.authority import Act, Verdict, refusal_text
from orchestrator_bridge.team.directory import Directory

_LOG = logging.getLogger(__name__)

OnCommand = Callable[[CommandReceived], Awaitable[PrivateReply | None]]
"""Executes a chat command. Returns the private reply, or None where the command's transaction replies and marks it as handled."""

OnFollowUp = Callable[[MessageReceived, RunState], Awaitable[PrivateReply | None]]
"""Begins the next turn after a run that has ended. Returns the private reply to the message's author, or None where the new run's
transaction marks the message as handled."""


class Router:
    """Routes inbound events. Commands and attachments run as background tasks: a slow one delays no other event."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        mailbox: Mailbox,
        states: RunStates,
        index: RunIndex,
        open_questions: OpenQuestionIndex,
        directory: Directory,
        authority: Authority,
        local_runs: LocalRuns,
        platforms: Platforms,
        attachments: AttachmentLoader,
        conversations: Conversations,
        on_command: OnCommand,
        on_follow_up: OnFollowUp | None,
        tasks: BackgroundTasks,
    ) -> None:
        self._store = store
        self._clock = clock
        self._mailbox = mailbox
        self._states = states
        self._index = index
        self._open_questions = open_questions
        self._directory = directory
        self._authority = authority
        self._local_runs = local_runs
        self._platforms = platforms
        self._attachments = attachments
        self._conversations = conversations
        self._on_command = on_command
        self._on_follow_up = on_follow_up
        self._tasks = tasks
        self._deliveries = BackgroundTasks()

    async def route(self, event: InboundEvent, target: Target | None) -> None:
        """Route one event. `target` is what its place, message or number belongs to; None if that is not known to be ours."""
        match event:
            case CommandReceived():
                # A command may wait until the disk is writable, which must not delay the events behind it.
                self._tasks.start(self._command(event))
            case InputClosed():
                await self._close_platform(event)
            case PersonLeft():
                await self._check_people(event)
            case MessageReceived() | MessageDeleted() | ControlUsed():
                await self._route_to_run(event, target)
            case _:
                assert_never(event)

    async def wait_attachments(self) -> None:
        """Wait until the events so far have reached their runs, with what was looked up and fetched for them."""
        await self._deliveries.join()

    async def stop(self) -> None:
        """Stop looking up people and fetching attachments; the events stay in the inbox."""
        await self._deliveries.stop()

    @property
    def idle(self) -> bool:
        """True if no event waits for a look-up or an attachment."""
        return not self._deliveries

    async def mark_handled(self, event: InboundEvent, why: str) -> None:
        """Mark an event as handled, retrying until the disk is writable: a refused event must not be carried out after a
        restart."""
        mark = partial(self._store.append, rows=[InboxEntryHandled(key=event.key, why=why)])
        try:
            await retry_until_writable(
                self._clock, mark, lambda error: _LOG.error("%s waits to be marked as handled: %s", event.key, error)
            )
        except StoreError as error:
            _LOG.error("%s could not be marked as handled; the next start routes it again: %s", event.key, error)

    async def _refuse(self, event: InboundEvent, text: str, why: str) -> None:
        self._platforms.reply_privately(event, PrivateReply(text=text, tone="warning"))
        await self.mark_handled(event, why)

    async def _close_platform(self, event: InputClosed) -> None:
        """Tell the runs of this process that nobody on a platform can answer any more: their questions there fall back.

        Runs of an earlier process keep their questions open: the people whom they asked may come back to answer.
        """
        self._local_runs.close_platform(event.place.platform)
        for run in self._local_runs.started:
            self._mailbox.deliver(run, inputs.PlatformUnattended(platform=event.place.platform))
        await self.mark_handled(event, "")

    async def _check_people(self, event: PersonLeft) -> None:
        """Let the runs check the questions that ask a person who has left. A start checks all, so that nothing else is stored."""
        person = self._directory.responder(event.author).id
        for run, question in self._open_questions.of_person(person):
            if not self._local_runs.is_ignored(run):
                self._mailbox.deliver(run, inputs.CheckPeople(question=question))
        await self.mark_handled(event, "")

    async def _route_to_run(self, event: MessageReceived | MessageDeleted | ControlUsed, target: Target | None) -> None:
        if target is not None and self._local_runs.is_ignored(target.run):
            text = f"Run {target.run} is not active now. It continues at the next start of the bot."
            await self._refuse(event, text, "its run is not active in this process")
        elif target is not None and isinstance(event, MessageReceived | ControlUsed) and event.question is not None:
            await self._deliver_numbered(event, target)
        elif target is not None and isinstance(event, MessageReceived):
            await self._route_message(event, target)
        elif target is not None:
            await self._deliver(event, target)
        elif isinstance(event, ControlUsed) or (isinstance(event, MessageReceived) and event.question is not None):
            await self._refuse_numbered(event, Verdict.HIDDEN)
        else:
            await self.mark_handled(event, "it belongs to no run")

    async def _route_message(self, message: MessageReceived, target: Target) -> None:
        """Route a message: a reply to a question, or in a run's thread a wish to end it, guidance, or the next turn after it."""
        stop, live = _stop_request(message, target), self._index.is_live(target.run)
        if _asks_to_finish(message, target):
            self._deliveries.start(self._finish_if_allowed(message, target))
        elif stop is not None and stop.clear:
            self._deliveries.start(self._stop_by_words(message, stop, target))
        elif stop is not None and live:
            self._ask_to_stop(message, stop.run or target.run)
            await self._deliver(message, target)
        elif target.question is None and not live and self._on_follow_up is not None:
            self._deliveries.start(self._deliver_or_continue(message, target))
        else:
            await self._deliver(message, target)

    async def _stop_by_words(self, message: MessageReceived, stop: StopRequest, target: Target) -> None:
        """Cancel the run that a message asks to stop, if its author may."""
        run = stop.run or target.run
        try:
            state = await self._states.get(run)
        except (StoreError, ValueError):  # the supervisor reports it; without a run of this number there is nothing to stop
            state = None
        if state is None or state.end is not None:
            await self._deliver(message, target)
            return
        verdict = await self._authority.on_run(Act.CANCEL_RUN, Actor(person=message.author, here=message.place), state)
        if verdict is Verdict.ALLOWED:
            self._mailbox.deliver(run, inputs.CancelRun(by=message.author, key=message.key))
        else:
            await self._refuse(message, refusal_text(Act.CANCEL_RUN, verdict, f"run {run}"), f"refused: {verdict}")

    def _ask_to_stop(self, message: MessageReceived, run: int) -> None:
        """Ask the author of a message, which is guidance, if the run is to be cancelled, as in reply to a command."""
        if not self._index.is_in_channel(run, message.place):
            return
        asked = CommandReceived(
            place=message.place, interaction=message.message, author=message.author, name="cancel", text="", at=message.at
        )
        confirm = Confirmation(label=f"Cancel run {run}", name="cancel", text=str(run))
        text = f"The agents of run {run} read your message. Do you want to cancel the run?"
        self._platforms.reply_privately(asked, PrivateReply(text=text, confirm=confirm))

    async def _deliver_numbered(self, event: MessageReceived | ControlUsed, target: Target) -> None:
        """Deliver an event that names a question by its number, which anybody can forge: its author must be able to see it.

        In the channel of a live run that is so. The look-up for another place delays no other event.
        """
        if self._index.is_in_channel(target.run, event.place):
            await self._deliver(event, target)
        else:
            self._deliveries.start(self._deliver_if_visible(event, target))

    async def _deliver_if_visible(self, event: MessageReceived | ControlUsed, target: Target) -> None:
        assert target.question is not None
        try:
            access = await self._authority.on_question(target.question, Actor(person=event.author, here=event.place))
        except StoreError:  # the supervisor reports it when it reads the log for this input
            await self._deliver(event, target)
            return
        if access.verdict is Verdict.ALLOWED:
            await self._deliver(event, target, access.standing)
        else:
            await self._refuse_numbered(event, access.verdict)

    async def _finish_if_allowed(self, message: MessageReceived, target: Target) -> None:
        """End a run with the best answer so far, at the word of a person who may. In a run that has ended it is late guidance."""
        try:
            state = await self._states.get(target.run)
        except StoreError:  # the supervisor reports it when it reads the log for this input
            await self._deliver(message, target)
            return
        verdict = await self._authority.on_run(Act.FINISH_RUN, Actor(person=message.author, here=message.place), state)
        if state.end is not None:
            await self._deliver(message, target)
        elif verdict is Verdict.ALLOWED:
            wish = inputs.FinishRun(by=message.author, key=message.key, message=message.message)
            self._mailbox.deliver(target.run, wish)
        else:
            await self._refuse(message, refusal_text(Act.FINISH_RUN, verdict, f"run {target.run}"), f"refused: {verdict}")

    async def _deliver_or_continue(self, message: MessageReceived, target: Target) -> None:
        """Begin the next turn of a conversation, if the message is meant so; else deliver the message to the newest run there."""
        try:
            async with self._conversations.newest_turn(message.place, target) as run:
                if run.end is None or not is_meant(run, message):
                    await self._deliver(message, Target(run=run.run))
                elif not message.attachments and judge_task(message.text, addressed=message.addressed) == "small_talk":
                    await self.mark_handled(message, "small talk")
                else:
                    await self._follow_up(message, run)
        except StoreError:  # the supervisor reports it when it reads the log for this input
            await self._deliver(message, target)

    async def _follow_up(self, message: MessageReceived, run: RunState) -> None:
        on_follow_up = self._on_follow_up
        assert on_follow_up is not None
        given = as_command(message, "ask")
        reply = await self._execute(given, lambda: on_follow_up(message, run))
        if reply is not None:
            self._platforms.reply_privately(given, reply)
            await self.mark_handled(message, "")

    async def _refuse_numbered(self, event: MessageReceived | ControlUsed, verdict: Verdict) -> None:
        text = refusal_text(Act.SEE_QUESTION, verdict, f"question {event.question}")
        if isinstance(event, MessageReceived):
            text = f"{text} If your message is a task, begin it with `/ask`."
        await self._refuse(event, text, "no such question" if verdict is Verdict.HIDDEN else f"refused: {verdict}")

    async def _deliver(
        self, event: MessageReceived | MessageDeleted | ControlUsed, target: Target, standing: Standing = inputs.IN_PLACE
    ) -> None:
        run, question = target.run, target.question
        match event:
            case MessageReceived() if event.attachments:
                self._deliveries.start(self._deliver_with_attachments(event, target, standing))
            case MessageReceived():
                self._mailbox.deliver(run, inputs.MessageInThread(message=event, question=question, standing=standing))
            case ControlUsed():
                self._mailbox.deliver(run, inputs.QuestionControlUsed(used=event, standing=standing))
            case MessageDeleted() if question is not None or event.message == event.place.thread:
                self._mailbox.deliver(run, inputs.MessageRetracted(deletion=event, question=question))
            case MessageDeleted():
                # A deleted message in a run's own thread was guidance: the agents have read it and may have acted on it.
                await self.mark_handled(event, "guidance cannot be withdrawn")
            case _:
                assert_never(event)

    async def _deliver_with_attachments(self, message: MessageReceived, target: Target, standing: Standing) -> None:
        """Deliver a message with its files. In a reply, text files become part of the reply; pictures go to every agent as
        guidance. A reply of files that nobody can read stays without words, so that the run refuses it."""
        try:
            state = await self._states.get(target.run)
        except StoreError:  # the supervisor reports it when it reads the log for this input
            self._mailbox.deliver(
                target.run, inputs.MessageInThread(message=message, question=target.question, standing=standing)
            )
            return
        files = await self._attachments.load(message.place.platform, message.attachments, state.team)
        if target.question is None:
            self._mailbox.deliver(target.run, inputs.MessageInThread(message=message, question=None, files=files))
            return
        said = message.text.strip() or any(map(is_readable, files))
        reply = replace(message, text=with_texts(message.text, files) if said else "")
        answer = inputs.MessageInThread(message=reply, question=target.question, files=files, standing=standing)
        self._mailbox.deliver(target.run, answer)
        pictures = tuple(file for file in files if file.picture)
        if pictures:
            guidance = replace(message, text=f"Attached to a reply to question {target.question}.")
            self._mailbox.deliver(target.run, inputs.MessageInThread(message=guidance, question=None, files=pictures))

    async def _command(self, event: CommandReceived) -> None:
        """Execute a command. One without a private reply is marked as handled by the transaction that carries it out."""
        reply = await self._execute(event, lambda: self._on_command(event))
        if reply is not None:
            self._platforms.reply_privately(event, reply)
            await self.mark_handled(event, "")

    async def _execute(
        self, event: CommandReceived, execute: Callable[[], Awaitable[PrivateReply | None]]
    ) -> PrivateReply | None:
        """Execute a command as soon as the store is writable. Until then it stays in the inbox, so that a restart executes it
        too."""
        try:
            return await retry_until_writable(self._clock, execute, lambda error: self._reply_delayed(event, error))
        except StoreError as error:
            _LOG.error("the command %s was not carried out: %s", event.name, error)
            return PrivateReply(text=f"Not done: {error.found}. {FOR_OPERATOR}", tone="warning")
        except Exception as error:
            _LOG.exception("the command %s failed", event.name)
            return PrivateReply(
                text=f"Townhall failed with an internal error ({type(error).__name__}). The log file has the details.",
                tone="warning",
            )

    def _reply_delayed(self, event: CommandReceived, error: StoreError) -> None:
        _LOG.error("the command %s waits until the store can be written: %s", event.name, error)
        wait = "The command waits until the store can be written, and is then carried out. You need not repeat it."
        text = f"{wait} Found: {error.found}. {FOR_OPERATOR}"
        self._platforms.reply_privately(event, PrivateReply(text=text, tone="warning"))


def _asks_to_finish(message: MessageReceived, target: Target) -> bool:
    return target.question is None and not message.attachments and asks_to_finish(message.text)


def _stop_request(message: MessageReceived, target: Target) -> StopRequest | None:
    """The request to stop in a message of a run's thread, or in a question's thread where it names the run."""
    if message.attachments:
        return None
    stop = parse_stop_request(message.text)
    in_question = target.question is not None
    return None if stop is None or (in_question and not (stop.clear and stop.names_run)) else stop
