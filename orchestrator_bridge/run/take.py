"""What each fact from outside adds to a run's batch."""

from __future__ import annotations

from orchestrator_bridge.chat import Acknowledgement, MessageReceived, Note
from orchestrator_bridge.file import AttachmentContent, omissions_text, parse_attachment
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.port import Response
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import facts as f
from orchestrator_bridge.run.batch import Transaction
from orchestrator_bridge.run.desk import QuestionService
from orchestrator_bridge.run.ending import cancel_open
from orchestrator_bridge.run.post import FIRST, acknowledgement_post, thread_post
from orchestrator_bridge.run.retry import billed, retry_at
from orchestrator_bridge.run.tooling import RESULT_PAGE_SIZE, result_page
from orchestrator_bridge.store.rows import PictureKept, PostFailed, PostSent, ResultKept
from orchestrator_bridge.text import clean

GUIDANCE_LIMIT = 20_000
"""Characters of one message of guidance that are kept."""


def handle_input(batch: Transaction, run_input: f.RunInput, desk: QuestionService) -> None:
    """Add what a fact means to the batch."""
    match run_input:
        case f.CallFinished():
            _handle_call_finished(batch, run_input)
        case f.ProcessRestarted():
            batch.add(e.Resumed(at=batch.now))
        case f.CancelRun():
            _handle_cancel(batch, run_input)
        case f.QuestionDelivered(outgoing=outgoing, posted=posted):
            batch.rows.append(PostSent(key=outgoing.key, version=outgoing.version, posted=posted))
            desk.question_delivered(batch, outgoing, posted, run_input.noted_at)
        case f.QuestionUndeliverable(outgoing=outgoing):
            batch.rows.append(PostFailed(key=outgoing.key, why=run_input.why))
            desk.question_undeliverable(batch, outgoing, run_input.why)
        case f.ToolListReceived() | f.ToolFinished():
            _handle_tool_input(batch, run_input)
        case f.ExternalQuestion() | f.ExternalCancel():
            _handle_external_input(batch, run_input, desk)
        case _:
            _handle_human_input(batch, run_input, desk)


def _handle_tool_input(batch: Transaction, fact: f.ToolListReceived | f.ToolFinished) -> None:
    """What a tool server has to say."""
    if isinstance(fact, f.ToolFinished):
        _handle_tool_finished(batch, fact)
    else:
        _handle_tool_list(batch, fact)


def _handle_external_input(batch: Transaction, fact: f.ExternalQuestion | f.ExternalCancel, desk: QuestionService) -> None:
    """What the agent outside did whose run this is."""
    if isinstance(fact, f.ExternalCancel):
        desk.cancel(batch, fact.question)
    elif batch.state.end is None:
        batch.add(e.GuestAsked(at=batch.now, action=fact.action, ask=fact.ask))


def _handle_human_input(batch: Transaction, fact: f.RunInput, desk: QuestionService) -> None:
    """What people did. A time to look at a question adds nothing by itself: every pass looks."""
    match fact:
        case f.MessageInThread(said=said, question=None, files=files):
            _handle_guidance(batch, said, files)
        case f.MessageInThread(said=said, question=int(question)):
            desk.responses.on_message(batch, said, question)
        case f.MessageRetracted(question=None):
            _handle_card_deleted(batch, fact)
        case f.MessageRetracted(question=int(question)):
            desk.responses.on_deleted(batch, fact.unsaid, question)
        case f.QuestionControlUsed():
            desk.responses.on_control(batch, fact.clicked)
        case f.QuestionCommand(command=command):
            desk.responses.on_command(batch, command, fact.question, fact.words)
        case f.PlatformUnattended(platform=platform) if platform == batch.state.place.platform:
            desk.mark_unattended(batch)
        case _:
            pass


def _handle_tool_list(batch: Transaction, fact: f.ToolListReceived) -> None:
    offer, known = fact.offer, batch.state.offers.get(fact.server)
    if known is None or (known.tools, known.trouble) != (offer.tools, offer.trouble):
        batch.add(e.ToolsListed(at=batch.now, server=fact.server, tools=offer.tools, trouble=offer.trouble))


def _handle_tool_finished(batch: Transaction, fact: f.ToolFinished) -> None:
    """What a tool gave back: long text is kept whole beside what the agent is shown, and so are pictures."""
    use = batch.state.uses.get(fact.action)
    if use is None or use.phase != "out":
        return
    files = tuple(parse_attachment(f"picture {number}", one.data, fact.hidden_from) for number, one in enumerate(fact.images, 1))
    batch.rows += [PictureKept(picture=file.picture, body=one.data) for file, one in zip(files, fact.images, strict=True)]
    cut = use.tool.server != "" and len(fact.text) > RESULT_PAGE_SIZE
    if cut:
        batch.rows.append(ResultKept(run=batch.state.run, use=use.use, text=fact.text))
    text = "\n".join(part for part in (result_page(fact.text, use.use) if cut else fact.text, omissions_text(files)) if part)
    batch.add(
        e.ToolReturned(
            at=batch.now,
            action=use.use,
            agent=use.agent,
            text=text,
            end=fact.end,
            files=files,
            whole=len(fact.text) if cut else 0,
        )
    )


def _handle_call_finished(batch: Transaction, fact: f.CallFinished) -> None:
    if fact.action not in batch.state.calls:
        return
    match fact.result:
        case Response() as response:
            batch.add(_responded_event(batch, fact, response))
        case ModelError() as error:
            batch.add(_failed_event(batch, fact, error))


def _responded_event(batch: Transaction, fact: f.CallFinished, response: Response) -> e.Responded:
    return e.Responded(
        at=batch.now,
        action=fact.action,
        agent=batch.state.calls[fact.action].agent,
        text=response.text,
        tool_calls=response.tool_calls,
        consumed=fact.consumed,
        usage=response.usage,
        served=response.served,
        cost=response.cost,
        kept=response.kept,
        counted=response.counted,
        notice=response.notice,
    )


def _failed_event(batch: Transaction, fact: f.CallFinished, error: ModelError) -> e.CallFailed:
    call = batch.state.calls[fact.action]
    agent = batch.state.agents[call.agent]
    return e.CallFailed(
        at=batch.now,
        action=fact.action,
        agent=call.agent,
        kind=error.kind,
        found=error.found,
        advice=error.advice,
        retry_at=retry_at(error, call.failures, batch.state.team.bounds.tries, batch.now, backup=agent.has_backup),
        billed=billed(error),
    )


def _handle_guidance(batch: Transaction, said: MessageReceived, files: tuple[AttachmentContent, ...]) -> None:
    batch.mark_handled(said.key)
    text = clean(said.text, GUIDANCE_LIMIT).strip()
    if batch.state.end is not None:
        given = Acknowledgement(
            message=said.message, author=said.author, sign="late", text="This run has ended. Start another with /ask."
        )
    elif text or files:
        batch.add(e.Guided(at=batch.now, message=said.message, author=said.author, text=text, files=files))
        given = Acknowledgement(message=said.message, author=said.author, sign="taken", text=omissions_text(files))
    else:
        return
    batch.rows.append(acknowledgement_post(batch.state, said.key, given, None))


def _handle_card_deleted(batch: Transaction, fact: f.MessageRetracted) -> None:
    """Somebody deleted the run's card: whoever started the run is told how it can be followed now."""
    batch.mark_handled(fact.unsaid.key)
    if batch.state.end is None:
        run = batch.state.run
        text = f"The card of run {run} was deleted. The run goes on: `/runs` tells how it stands, `/cancel {run}` ends it."
        note = Note(text=text, tone="warning", mentions=(batch.state.by,))
        batch.rows.append(thread_post(batch.state, note, "uncarded", priority=FIRST))


def _handle_cancel(batch: Transaction, fact: f.CancelRun) -> None:
    batch.mark_handled(fact.key)
    if batch.state.end is None:
        for event in cancel_open(batch.state, f"{fact.by.name} cancelled the run"):
            batch.add(event)
        batch.add(e.RunCancelled(at=batch.now, by=fact.by))
