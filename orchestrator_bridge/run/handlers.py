"""Handlers of inputs: the events that each input adds to a run's transaction."""

from __future__ import annotations

from typing import assert_never

from orchestrator_bridge.chat.attachments import AttachmentContent, is_readable, omissions_text, parse_attachment, unreadable_text
from orchestrator_bridge.chat.inbound import MessageReceived
from orchestrator_bridge.chat.outbound import Acknowledgement, Note
from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.text import clean
from orchestrator_bridge.model.errors import CircuitOpen, ModelError, Transient
from orchestrator_bridge.model.interface import Response
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.presentation.posts import FIRST, acknowledgement_post, thread_post
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.records import BlobStored, PostFailed, PostSent, ToolResultStored
from orchestrator_bridge.run.state import Call, RunState
from orchestrator_bridge.run.termination import cancel_open
from orchestrator_bridge.run.tool_policy import READ, RESULT_PAGE_SIZE, result_page
from orchestrator_bridge.run.transaction import Transaction

CALL_BACKOFF = Backoff(first=1.0, longest=60.0)
"""Delays before a failed model call is tried again."""

LONGEST_WISH = 600.0
"""Seconds that a provider may ask to wait; one that asks for more counts as down."""

GUIDANCE_LIMIT = 20_000
"""Characters of one message of guidance that are kept."""


def handle_input(  # noqa: C901  (one case an input)
    transaction: Transaction, run_input: inputs.RunInput, questions: QuestionService
) -> None:
    """Add the events that an input causes to the transaction."""
    match run_input:
        case inputs.CallFinished():
            _handle_call_finished(transaction, run_input)
        case inputs.ToolFinished():
            _handle_tool_finished(transaction, run_input)
        case inputs.MessageInThread():
            if run_input.question is None:
                _handle_guidance(transaction, run_input.message, run_input.files)
            else:
                questions.responses.on_message(transaction, run_input, run_input.question)
        case inputs.ContextRead():
            if transaction.state.awaits_context:
                transaction.add(e.ThreadRead(at=transaction.now, context=run_input.context))
        case inputs.MessageRetracted():
            if run_input.question is None:
                _handle_card_deleted(transaction, run_input)
            else:
                questions.responses.on_deleted(transaction, run_input.deletion, run_input.question)
        case inputs.QuestionControlUsed():
            questions.responses.on_control(transaction, run_input.used, run_input.standing)
        case inputs.QuestionCommand():
            questions.responses.on_command(transaction, run_input)
        case inputs.QuestionDelivered(outgoing=outgoing, posted=posted):
            transaction.rows.append(PostSent(key=outgoing.key, version=outgoing.version, posted=posted))
            questions.question_delivered(transaction, outgoing, posted, run_input.noted_at, run_input.url)
        case inputs.QuestionUndeliverable(outgoing=outgoing, why=why):
            transaction.rows.append(PostFailed(key=outgoing.key, why=why))
            questions.question_undeliverable(transaction, outgoing, why)
        case inputs.PlatformUnattended():
            if run_input.platform == transaction.state.place.platform:
                questions.mark_unattended(transaction)
        case inputs.PeopleAbsent():
            questions.people_absent(transaction, run_input)
        case inputs.ExternalQuestion():
            if transaction.state.end is None:
                transaction.add(e.GuestAsked(at=transaction.now, action=run_input.action, ask=run_input.ask))
        case inputs.ExternalCancel():
            questions.cancel(transaction, run_input.question)
        case inputs.ToolListReceived():
            _handle_tool_list(transaction, run_input)
        case inputs.CancelRun():
            _handle_cancel(transaction, run_input)
        case inputs.FinishRun():
            _handle_finish(transaction, run_input)
        case inputs.ProcessRestarted():
            transaction.add(e.Resumed(at=transaction.now))
        # These only wake the run: the step after every input looks at what calls, questions and timers need by now.
        case inputs.DecisionsRecalled():
            pass
        case inputs.SlotGranted() | inputs.CheckQuestion() | inputs.ThreadSynced() | inputs.ToolsChanged() | inputs.TimerFired():
            pass
        case inputs.CheckPeople():
            pass
        case _:
            assert_never(run_input)


def _handle_call_finished(transaction: Transaction, run_input: inputs.CallFinished) -> None:
    call = transaction.state.calls.get(run_input.action)
    if call is None:
        return
    match run_input.result:
        case Response() as response:
            transaction.add(_responded(transaction, call, response, run_input.consumed))
        case ModelError() as error:
            transaction.add(_call_failed(transaction, call, error))
        case _:
            assert_never(run_input.result)


def _responded(transaction: Transaction, call: Call, response: Response, consumed: tuple[int, ...]) -> e.Responded:
    return e.Responded(
        at=transaction.now,
        action=call.action,
        agent=call.agent,
        text=response.text,
        tool_calls=response.tool_calls,
        consumed=consumed,
        usage=response.usage,
        served=response.served,
        cost=response.cost,
        kept=response.kept,
        counted=response.counted,
        notice=response.notice,
        cut=response.cut,
        cost_source=response.cost_source,
        server_uses=response.server_uses,
    )


def _call_failed(transaction: Transaction, call: Call, error: ModelError) -> e.CallFailed:
    tries, backup = transaction.state.team.bounds.tries, transaction.state.agents[call.agent].has_backup
    return e.CallFailed(
        at=transaction.now,
        action=call.action,
        agent=call.agent,
        kind=error.kind,
        found=error.found,
        advice=error.advice,
        retry_at=retry_at(error, call.failures, tries, transaction.now, backup=backup),
        billed=billed(error),
    )


def retry_at(error: ModelError, failures: int, tries: int, now: float, *, backup: bool = False) -> float | None:
    """The time of the next try, or None if there is none; `failures` counts those before this one.

    A model that is known to be down is not waited for where the agent has a `backup`.
    """
    final = not isinstance(error, Transient) and error.retry_after is None
    if final or failures + 1 >= tries or (backup and isinstance(error, CircuitOpen)):
        return None
    if error.retry_after is not None:
        return now + max(0.0, error.retry_after) if error.retry_after <= LONGEST_WISH else None
    return now + CALL_BACKOFF.delay(failures)


def billed(error: ModelError) -> bool | None:
    """False if a failed call costs nothing, None if nobody knows.

    Nobody knows where a call was cut short after the provider had accepted it, or where the provider reads a request before it
    refuses it (xAI charges for that: docs.x.ai/docs/models, "usage guidelines").
    """
    return None if error.answer_begun or error.kind in ("timed_out", "down", "garbled", "refused_content") else False


def _handle_tool_finished(transaction: Transaction, run_input: inputs.ToolFinished) -> None:
    """Add a tool's result. A long text and pictures are stored whole; the event has the part that the agent is shown."""
    use = transaction.state.uses.get(run_input.action)
    # A result can come twice, or after a restart has settled the use as unknown: the first one counts.
    if use is None or use.phase != "out":
        return
    images = run_input.images
    files = tuple(
        parse_attachment(f"picture {number}", image.data, run_input.hidden_from) for number, image in enumerate(images, 1)
    )
    transaction.rows += [BlobStored(picture=file.picture, body=image.data) for file, image in zip(files, images, strict=True)]
    text, whole = run_input.text, 0
    if use.tool != READ and len(text) > RESULT_PAGE_SIZE:
        transaction.rows.append(ToolResultStored(run=transaction.state.run, use=use.use, text=text))
        text, whole = result_page(text, use.use), len(text)
    text = "\n".join(part for part in (text, omissions_text(files)) if part)
    transaction.add(
        e.ToolReturned(
            at=transaction.now, action=use.use, agent=use.agent, text=text, end=run_input.end, files=files, whole=whole
        )
    )


def _handle_tool_list(transaction: Transaction, run_input: inputs.ToolListReceived) -> None:
    offer, known = run_input.offer, transaction.state.offers.get(run_input.server)
    if known is None or (known.tools, known.trouble) != (offer.tools, offer.trouble):
        transaction.add(e.ToolsListed(at=transaction.now, server=run_input.server, tools=offer.tools, trouble=offer.trouble))


def _handle_guidance(transaction: Transaction, message: MessageReceived, files: tuple[AttachmentContent, ...]) -> None:
    transaction.mark_handled(message.key)
    text = clean(message.text, GUIDANCE_LIMIT).strip()
    if transaction.state.end is not None:
        acknowledgement = Acknowledgement(
            message=message.message, author=message.author, sign="late", text=_ended_text(transaction.state, message)
        )
    elif text or any(map(is_readable, files)):
        transaction.add(e.Guided(at=transaction.now, message=message.message, author=message.author, text=text, files=files))
        acknowledgement = Acknowledgement(
            message=message.message, author=message.author, sign="taken", text=omissions_text(files)
        )
    else:
        acknowledgement = Acknowledgement(
            message=message.message, author=message.author, sign="refused", text=unreadable_text(files, "Write it as text.")
        )
    transaction.rows.append(acknowledgement_post(transaction.state, message.key, acknowledgement, None))


def _ended_text(state: RunState, message: MessageReceived) -> str:
    if message.edit:
        return "This run has ended, and an edit starts nothing. Send a new message."
    if state.team.follow_up == "off" or message.addressed:
        return "This run has ended. Start another with `/ask`."
    return "This run has ended. To go on from its answer, mention me in a message here; for a new task, use `/ask`."


def _handle_card_deleted(transaction: Transaction, run_input: inputs.MessageRetracted) -> None:
    """Tell the requester, whose run card was deleted, how to follow the run now."""
    transaction.mark_handled(run_input.deletion.key)
    if transaction.state.end is not None:
        return
    run = transaction.state.run
    text = f"The card of run {run} was deleted. The run continues: `/runs` shows its state, `/cancel {run}` ends it."
    note = Note(text=text, tone="warning", mentions=(transaction.state.by,))
    transaction.rows.append(thread_post(transaction.state, note, "uncarded", priority=FIRST))


def _handle_cancel(transaction: Transaction, run_input: inputs.CancelRun) -> None:
    transaction.mark_handled(run_input.key)
    if transaction.state.end is not None:
        return
    for event in cancel_open(transaction.state, f"{run_input.by.name} cancelled the run"):
        transaction.add(event)
    transaction.add(e.RunCancelled(at=transaction.now, by=run_input.by))


def _handle_finish(transaction: Transaction, run_input: inputs.FinishRun) -> None:
    """Ask for the best answer so far, once a run."""
    transaction.mark_handled(run_input.key)
    ended = transaction.state.end is not None
    if not ended and transaction.state.finish is None:
        transaction.add(e.FinishAsked(at=transaction.now, by=run_input.by))
    if run_input.message:
        acknowledgement = Acknowledgement(
            message=run_input.message,
            author=run_input.by,
            sign="late" if ended else "taken",
            text="This run has ended already." if ended else "",
        )
        transaction.rows.append(acknowledgement_post(transaction.state, run_input.key, acknowledgement, None))
