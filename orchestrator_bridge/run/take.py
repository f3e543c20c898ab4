"""What each fact from outside adds to a run's batch."""

from __future__ import annotations

from orchestrator_bridge.chat import Acknowledgement, MessageReceived, Note
from orchestrator_bridge.file import AttachmentContent, omissions_text, parse_attachment
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.port import Response
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import facts as f
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.desk import Desk
from orchestrator_bridge.run.ending import cancel_open
from orchestrator_bridge.run.post import FIRST, receipt, thread_post
from orchestrator_bridge.run.retry import billed, retry_at
from orchestrator_bridge.run.tooling import SHOWN, shown
from orchestrator_bridge.store.rows import PictureKept, PostFailed, PostSent, ResultKept
from orchestrator_bridge.text import clean

GUIDANCE_LIMIT = 20_000
"""Characters of one message of guidance that are kept."""


def take(batch: Batch, fact: f.Fact, desk: Desk) -> None:
    """Add what a fact means to the batch."""
    match fact:
        case f.Landed():
            _landed(batch, fact)
        case f.Restarted():
            batch.add(e.Resumed(at=batch.now))
        case f.Cancel():
            _cancel(batch, fact)
        case f.Placed(outgoing=outgoing, posted=posted):
            batch.rows.append(PostSent(key=outgoing.key, version=outgoing.version, posted=posted))
            desk.placed(batch, outgoing, posted, fact.noted_at)
        case f.Unplaceable(outgoing=outgoing):
            batch.rows.append(PostFailed(key=outgoing.key, why=fact.why))
            desk.unplaceable(batch, outgoing, fact.why)
        case f.ToolsSeen() | f.Used():
            _take_tool(batch, fact)
        case f.Asked() | f.Retracted():
            _take_guest(batch, fact, desk)
        case _:
            _take_people(batch, fact, desk)


def _take_tool(batch: Batch, fact: f.ToolsSeen | f.Used) -> None:
    """What a tool server has to say."""
    if isinstance(fact, f.Used):
        _used(batch, fact)
    else:
        _seen(batch, fact)


def _take_guest(batch: Batch, fact: f.Asked | f.Retracted, desk: Desk) -> None:
    """What the agent outside did whose run this is."""
    if isinstance(fact, f.Retracted):
        desk.retract(batch, fact.question)
    elif batch.state.end is None:
        batch.add(e.GuestAsked(at=batch.now, action=fact.action, ask=fact.ask))


def _take_people(batch: Batch, fact: f.Fact, desk: Desk) -> None:
    """What people did. A time to look at a question adds nothing by itself: every pass looks."""
    match fact:
        case f.Heard(said=said, question=None, files=files):
            _guided(batch, said, files)
        case f.Heard(said=said, question=int(question)):
            desk.hearing.said(batch, said, question)
        case f.TakenBack(question=None):
            _uncarded(batch, fact)
        case f.TakenBack(question=int(question)):
            desk.hearing.unsaid(batch, fact.unsaid, question)
        case f.Pressed():
            desk.hearing.clicked(batch, fact.clicked)
        case f.Told(command=command):
            desk.hearing.commanded(batch, command, fact.question, fact.words)
        case f.NobodyThere(platform=platform) if platform == batch.state.place.platform:
            desk.leave(batch)
        case _:
            pass


def _seen(batch: Batch, fact: f.ToolsSeen) -> None:
    offer, known = fact.offer, batch.state.offers.get(fact.server)
    if known is None or (known.tools, known.trouble) != (offer.tools, offer.trouble):
        batch.add(e.ToolsListed(at=batch.now, server=fact.server, tools=offer.tools, trouble=offer.trouble))


def _used(batch: Batch, fact: f.Used) -> None:
    """What a tool gave back: long text is kept whole beside what the agent is shown, and so are pictures."""
    use = batch.state.uses.get(fact.action)
    if use is None or use.phase != "out":
        return
    files = tuple(parse_attachment(f"picture {number}", one.data, fact.unseen_by) for number, one in enumerate(fact.images, 1))
    batch.rows += [PictureKept(picture=file.picture, body=one.data) for file, one in zip(files, fact.images, strict=True)]
    cut = use.tool.server != "" and len(fact.text) > SHOWN
    if cut:
        batch.rows.append(ResultKept(run=batch.state.run, use=use.use, text=fact.text))
    text = "\n".join(part for part in (shown(fact.text, use.use) if cut else fact.text, omissions_text(files)) if part)
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


def _landed(batch: Batch, fact: f.Landed) -> None:
    if fact.action not in batch.state.calls:
        return
    match fact.result:
        case Response() as response:
            batch.add(_responded(batch, fact, response))
        case ModelError() as error:
            batch.add(_failed(batch, fact, error))


def _responded(batch: Batch, fact: f.Landed, response: Response) -> e.Responded:
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


def _failed(batch: Batch, fact: f.Landed, error: ModelError) -> e.CallFailed:
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


def _guided(batch: Batch, said: MessageReceived, files: tuple[AttachmentContent, ...]) -> None:
    batch.handled(said.key)
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
    batch.rows.append(receipt(batch.state, said.key, given, None))


def _uncarded(batch: Batch, fact: f.TakenBack) -> None:
    """Somebody deleted the run's card: whoever started the run is told how it can be followed now."""
    batch.handled(fact.unsaid.key)
    if batch.state.end is None:
        run = batch.state.run
        text = f"The card of run {run} was deleted. The run goes on: `/runs` tells how it stands, `/cancel {run}` ends it."
        note = Note(text=text, tone="warning", mentions=(batch.state.by,))
        batch.rows.append(thread_post(batch.state, note, "uncarded", priority=FIRST))


def _cancel(batch: Batch, fact: f.Cancel) -> None:
    batch.handled(fact.key)
    if batch.state.end is None:
        for event in cancel_open(batch.state, f"{fact.by.name} cancelled the run"):
            batch.add(event)
        batch.add(e.RunCancelled(at=batch.now, by=fact.by))
