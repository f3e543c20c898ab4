"""What each input from outside adds to a run's transaction."""

from __future__ import annotations

from orchestrator_bridge.chat.attachments import AttachmentContent, omissions_text, parse_attachment
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
from orchestrator_bridge.run.termination import cancel_open
from orchestrator_bridge.run.tool_policy import RESULT_PAGE_SIZE, result_page
from orchestrator_bridge.run.transaction import Transaction

CALL_BACKOFF = Backoff(first=1.0, longest=60.0)
"""Delays before a failed model call is tried again."""

LONGEST_WISH = 600.0
"""Seconds: a provider that asks to wait longer is as good as down."""


def retry_at(error: ModelError, failures: int, tries: int, now: float, *, backup: bool = False) -> float | None:
    """The time of the next try, or None if there is none; `failures` counts those before this one.

    What is known to be down is not waited for where a `backup` stands ready.
    """
    final = not isinstance(error, Transient) and error.retry_after is None
    if final or failures + 1 >= tries or (backup and isinstance(error, CircuitOpen)):
        return None
    if error.retry_after is not None:
        return now + max(0.0, error.retry_after) if error.retry_after <= LONGEST_WISH else None
    return now + CALL_BACKOFF.delay(failures)


def billed(error: ModelError) -> bool | None:
    """Whether a failed call may have cost something: nobody knows where it was cut short after it had been taken, or where the
    provider looked at what was asked before it refused (xAI charges for that, docs.x.ai/docs/models, "usage guidelines")."""
    return None if error.kind in ("timed_out", "down", "garbled", "refused_content") else False


GUIDANCE_LIMIT = 20_000
"""Characters of one message of guidance that are kept."""


def handle_input(transaction: Transaction, run_input: inputs.RunInput, questions: QuestionService) -> None:
    """Add what an input means to the transaction."""
    match run_input:
        case inputs.CallFinished():
            _handle_call_finished(transaction, run_input)
        case inputs.ProcessRestarted():
            transaction.add(e.Resumed(at=transaction.now))
        case inputs.CancelRun():
            _handle_cancel(transaction, run_input)
        case inputs.QuestionDelivered(outgoing=outgoing, posted=posted):
            transaction.rows.append(PostSent(key=outgoing.key, version=outgoing.version, posted=posted))
            questions.question_delivered(transaction, outgoing, posted, run_input.noted_at)
        case inputs.QuestionUndeliverable(outgoing=outgoing):
            transaction.rows.append(PostFailed(key=outgoing.key, why=run_input.why))
            questions.question_undeliverable(transaction, outgoing, run_input.why)
        case inputs.ToolListReceived() | inputs.ToolFinished():
            _handle_tool_input(transaction, run_input)
        case inputs.ExternalQuestion() | inputs.ExternalCancel():
            _handle_external_input(transaction, run_input, questions)
        case _:
            _handle_human_input(transaction, run_input, questions)


def _handle_tool_input(transaction: Transaction, run_input: inputs.ToolListReceived | inputs.ToolFinished) -> None:
    """What a tool server has to say."""
    if isinstance(run_input, inputs.ToolFinished):
        _handle_tool_finished(transaction, run_input)
    else:
        _handle_tool_list(transaction, run_input)


def _handle_external_input(
    transaction: Transaction, run_input: inputs.ExternalQuestion | inputs.ExternalCancel, questions: QuestionService
) -> None:
    """What the agent outside did whose run this is."""
    if isinstance(run_input, inputs.ExternalCancel):
        questions.cancel(transaction, run_input.question)
    elif transaction.state.end is None:
        transaction.add(e.GuestAsked(at=transaction.now, action=run_input.action, ask=run_input.ask))


def _handle_human_input(transaction: Transaction, run_input: inputs.RunInput, questions: QuestionService) -> None:
    """What people did. A time to look at a question adds nothing by itself: every pass looks."""
    match run_input:
        case inputs.MessageInThread(message=said, question=None, files=files):
            _handle_guidance(transaction, said, files)
        case inputs.MessageInThread(message=said, question=int(question)):
            questions.responses.on_message(transaction, said, question)
        case inputs.MessageRetracted(question=None):
            _handle_card_deleted(transaction, run_input)
        case inputs.MessageRetracted(question=int(question)):
            questions.responses.on_deleted(transaction, run_input.deletion, question)
        case inputs.QuestionControlUsed():
            questions.responses.on_control(transaction, run_input.used)
        case inputs.QuestionCommand(command=command):
            questions.responses.on_command(transaction, command, run_input.question, run_input.words)
        case inputs.PlatformUnattended(platform=platform) if platform == transaction.state.place.platform:
            questions.mark_unattended(transaction)
        case _:
            pass


def _handle_tool_list(transaction: Transaction, run_input: inputs.ToolListReceived) -> None:
    offer, known = run_input.offer, transaction.state.offers.get(run_input.server)
    if known is None or (known.tools, known.trouble) != (offer.tools, offer.trouble):
        transaction.add(e.ToolsListed(at=transaction.now, server=run_input.server, tools=offer.tools, trouble=offer.trouble))


def _handle_tool_finished(transaction: Transaction, run_input: inputs.ToolFinished) -> None:
    """What a tool gave back: long text is kept whole beside what the agent is shown, and so are pictures."""
    use = transaction.state.uses.get(run_input.action)
    if use is None or use.phase != "out":
        return
    files = tuple(
        parse_attachment(f"picture {number}", one.data, run_input.hidden_from) for number, one in enumerate(run_input.images, 1)
    )
    transaction.rows += [
        BlobStored(picture=file.picture, body=one.data) for file, one in zip(files, run_input.images, strict=True)
    ]
    cut = use.tool.server != "" and len(run_input.text) > RESULT_PAGE_SIZE
    if cut:
        transaction.rows.append(ToolResultStored(run=transaction.state.run, use=use.use, text=run_input.text))
    text = "\n".join(
        part for part in (result_page(run_input.text, use.use) if cut else run_input.text, omissions_text(files)) if part
    )
    transaction.add(
        e.ToolReturned(
            at=transaction.now,
            action=use.use,
            agent=use.agent,
            text=text,
            end=run_input.end,
            files=files,
            whole=len(run_input.text) if cut else 0,
        )
    )


def _handle_call_finished(transaction: Transaction, run_input: inputs.CallFinished) -> None:
    if run_input.action not in transaction.state.calls:
        return
    match run_input.result:
        case Response() as response:
            transaction.add(_responded_event(transaction, run_input, response))
        case ModelError() as error:
            transaction.add(_failed_event(transaction, run_input, error))


def _responded_event(transaction: Transaction, run_input: inputs.CallFinished, response: Response) -> e.Responded:
    return e.Responded(
        at=transaction.now,
        action=run_input.action,
        agent=transaction.state.calls[run_input.action].agent,
        text=response.text,
        tool_calls=response.tool_calls,
        consumed=run_input.consumed,
        usage=response.usage,
        served=response.served,
        cost=response.cost,
        kept=response.kept,
        counted=response.counted,
        notice=response.notice,
    )


def _failed_event(transaction: Transaction, run_input: inputs.CallFinished, error: ModelError) -> e.CallFailed:
    call = transaction.state.calls[run_input.action]
    agent = transaction.state.agents[call.agent]
    return e.CallFailed(
        at=transaction.now,
        action=run_input.action,
        agent=call.agent,
        kind=error.kind,
        found=error.found,
        advice=error.advice,
        retry_at=retry_at(error, call.failures, transaction.state.team.bounds.tries, transaction.now, backup=agent.has_backup),
        billed=billed(error),
    )


def _handle_guidance(transaction: Transaction, message: MessageReceived, files: tuple[AttachmentContent, ...]) -> None:
    transaction.mark_handled(message.key)
    text = clean(message.text, GUIDANCE_LIMIT).strip()
    if transaction.state.end is not None:
        given = Acknowledgement(
            message=message.message, author=message.author, sign="late", text="This run has ended. Start another with /ask."
        )
    elif text or files:
        transaction.add(e.Guided(at=transaction.now, message=message.message, author=message.author, text=text, files=files))
        given = Acknowledgement(message=message.message, author=message.author, sign="taken", text=omissions_text(files))
    else:
        return
    transaction.rows.append(acknowledgement_post(transaction.state, message.key, given, None))


def _handle_card_deleted(transaction: Transaction, run_input: inputs.MessageRetracted) -> None:
    """Somebody deleted the run's card: whoever started the run is told how it can be followed now."""
    transaction.mark_handled(run_input.deletion.key)
    if transaction.state.end is None:
        run = transaction.state.run
        text = f"The card of run {run} was deleted. The run goes on: `/runs` tells how it stands, `/cancel {run}` ends it."
        note = Note(text=text, tone="warning", mentions=(transaction.state.by,))
        transaction.rows.append(thread_post(transaction.state, note, "uncarded", priority=FIRST))


def _handle_cancel(transaction: Transaction, run_input: inputs.CancelRun) -> None:
    transaction.mark_handled(run_input.key)
    if transaction.state.end is None:
        for event in cancel_open(transaction.state, f"{run_input.by.name} cancelled the run"):
            transaction.add(event)
        transaction.add(e.RunCancelled(at=transaction.now, by=run_input.by))
