"""Cards as Slack shows them: a run, a question. Plain functions from neutral values to the fields of `chat.postMessage`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from adapters.slack.blocks import BLOCKS, Block, markdown_block, moment, row, section, sections, small
from adapters.slack.controls import command_button, list_controls, question_controls
from adapters.slack.markdown import escape_line, escape_mrkdwn, localise_commands, mentions, safe_markdown, split_messages
from orchestrator_bridge.chat.outbound import (
    CardAgent,
    CardOption,
    FinalAnswer,
    Link,
    Note,
    PrivateReply,
    QuestionCard,
    RunCard,
    Table,
)
from orchestrator_bridge.common.text import one_line, sentence, shorten

AGENT_EMOJI = (
    ":large_blue_circle:",
    ":large_orange_circle:",
    ":large_green_circle:",
    ":large_purple_circle:",
    ":large_brown_circle:",
    ":red_circle:",
)


def agent_emoji(name: str) -> str:
    """An agent's icon, the same each time."""
    return AGENT_EMOJI[sum(name.encode()) % len(AGENT_EMOJI)]


TASK, CONTEXT, LINE = 600, 1500, 400
"""Characters of a task, of a question's context, and of anything that is one line."""

SlackMessage = dict[str, Any]
"""`text`, which is what a phone's notification says, and `blocks`."""


# Runs ---------------------------------------------------------------------------------------------------------------------

STATUS_EMOJI = {
    "finished": ":white_check_mark:",
    "failed": ":warning:",
    "cancelled": ":no_entry_sign:",
    "waiting": ":raising_hand:",
    "working": ":hourglass_flowing_sand:",
}
"""A sign for what a run's status begins with."""


def render_run_card(card: RunCard) -> SlackMessage:
    """A run at a glance: what is to be done, how far it is, and who does what with which model."""
    status = one_line(card.status, LINE)
    blocks = [
        section(f"{status_emoji(status)} *Run {card.run}* · {escape_line(status)}\n{_quote(card.task, TASK)}"),
        section("\n".join(_agent(agent) for agent in card.agents)),
        small(_spent(card)),
    ]
    text = f"Run {card.run} ({status}): {sentence(one_line(card.task, 150))}"
    return {"text": escape_mrkdwn(text), "blocks": blocks}


def status_emoji(status: str) -> str:
    """The sign of a run's status."""
    return next((sign for word, sign in STATUS_EMOJI.items() if status.startswith(word)), STATUS_EMOJI["working"])


def _agent(agent: CardAgent) -> str:
    """An agent with the sign under which it speaks in the thread."""
    name, state, model = escape_line(agent.name, 40), escape_line(agent.state, 60), escape_line(agent.model, 60)
    return f"{agent_emoji(agent.name)} *{name}* {state} · {model}"


def _spent(card: RunCard) -> str:
    origin = ("scripted: no model is called",) if card.scripted else ()
    guide = () if card.ended else ("write in the thread to guide them",)
    return " · ".join(
        (f"team {escape_line(card.team, 80)}", escape_line(card.cost, 40), f"{card.tokens:,} tokens", *origin, *guide)
    )


def _quote(text: str, limit: int) -> str:
    """Somebody's words, set off from ours."""
    return "\n".join(f"> {line}" for line in escape_mrkdwn(shorten(text.strip(), limit)).splitlines())


# Questions ----------------------------------------------------------------------------------------------------------------


def render_question_card(card: QuestionCard) -> SlackMessage:
    """A question, open with its controls or closed with how it ended."""
    return _closed_card(card) if card.closed is not None else _open_card(card)


def _open_card(card: QuestionCard) -> SlackMessage:
    blocks = [
        section(
            f"{_audience_text(card)}{agent_emoji(card.agent)} *{escape_line(card.agent, 80)}* asks:\n"
            f"*{escape_line(card.text, LINE + 200)}*"
        ),
        *_context(card),
        *option_blocks(card),
        *question_controls(card),
        small(f"{expiry_text(card)}\nPress a button, or reply in the thread with a number or in your own words."),
        small(
            f"Question {card.question}, to {escape_mrkdwn(one_line(card.asked, LINE))} · "
            f"run {card.run}: {escape_line(card.task, 120)}"
        ),
    ]
    return {"text": _notification_text(card), "blocks": blocks}


def _closed_card(card: QuestionCard) -> SlackMessage:
    ended = one_line(card.closed or "", LINE * 2)
    sign = ":white_check_mark:" if ended.startswith("Answered") else ":hourglass:"
    blocks = [
        section(f"{agent_emoji(card.agent)} *{escape_line(card.agent, 80)}* asked:\n{escape_line(card.text, LINE + 200)}"),
        *option_blocks(card),
        section(f"{sign} *{escape_line(ended)}*"),
        small(f"Question {card.question} of run {card.run}. The thread stays open to read; a late reply is still passed on."),
    ]
    return {"text": escape_mrkdwn(f"Question {card.question} has ended. {sentence(shorten(ended, LINE))}"), "blocks": blocks}


def expiry_text(card: QuestionCard) -> str:
    """How long it waits, and what happens then."""
    return f":alarm_clock: Waits until {moment(card.expires_at)}. {escape_mrkdwn(one_line(card.silence, LINE))}"


def _audience_text(card: QuestionCard) -> str:
    named = mentions(card.mentions, card.groups)
    return f"{named} " if named else ""


def _notification_text(card: QuestionCard) -> str:
    """What a lock screen shows: who asks what, and between what to choose."""
    choice = ", ".join(f"{number} {one_line(one.label, 40)}" for number, one in enumerate(card.options, 1))
    between = f" {sentence(choice)}" if choice else ""
    return escape_mrkdwn(f"{one_line(card.agent, 40)} asks you: {sentence(one_line(card.text, 300))}{between}")


def _context(card: QuestionCard) -> list[Block]:
    return sections(escape_mrkdwn(shorten(card.context.strip(), CONTEXT)))


def option_blocks(card: QuestionCard) -> list[Block]:
    """The options under their numbers."""
    return sections("\n".join(_option(number, one) for number, one in enumerate(card.options, 1)))


def _option(number: int, one: CardOption) -> str:
    about = f": {escape_line(one.description, 200)}" if one.description.strip() else ""
    return f"*{number}* {escape_line(one.label, 80)}{about}{' _(recommended)_' if one.recommended else ''}"


_SIGNS = {"plain": "", "good": ":white_check_mark: ", "warning": ":warning: "}


def render_note(post: Note, *, as_speaker: bool) -> list[SlackMessage]:
    """A note, in more than one message if it is long. `as_speaker`: the app may post under an agent's name."""
    texts = (
        _note_texts(post)
        if post.speaker is not None
        else [_SIGNS[post.tone] + escape_mrkdwn(localise_commands(post.text.strip()))]
    )
    made = [_message(post, text) for text in texts or [""]]
    made[0] |= {"blocks": [*_heading(post, as_speaker), *made[0]["blocks"]]}
    return [one | _speaker(post, as_speaker) for one in made]


def _note_texts(post: Note) -> list[str]:
    return [_SIGNS[post.tone] + text for text in split_messages(safe_markdown(post.text))]


def _message(post: Note, text: str) -> SlackMessage:
    blocks = [markdown_block(text or "…")] if post.speaker is not None else sections(text) or [section("…")]
    who = f"{one_line(post.speaker, 80)}: " if post.speaker else ""
    return {"text": escape_mrkdwn(who + (one_line(post.text, 300) or "…")), "blocks": blocks[:45]}


def _heading(post: Note, as_speaker: bool) -> list[SlackMessage]:
    """Whom it notifies, and who speaks where the name cannot stand above the message."""
    named = mentions(post.mentions, post.groups)
    speaker = f"*{escape_line(post.speaker, 80)}*" if post.speaker and not as_speaker else ""
    words = " ".join(filter(None, (speaker, named)))
    return [section(words)] if words else []


def _speaker(post: Note, as_speaker: bool) -> SlackMessage:
    if not post.speaker or not as_speaker:
        return {}
    return {"username": one_line(post.speaker, 80) or "agent", "icon_emoji": agent_emoji(post.speaker)}


def render_final_answer(post: FinalAnswer) -> list[SlackMessage]:
    """A run's final text, in as many messages as it takes."""
    texts = split_messages(safe_markdown(post.text)) or ["…"]
    notice = f"Run {post.run} has its answer, by {one_line(post.by, 40)}: {sentence(one_line(post.text, 200))}"
    made = [{"text": escape_mrkdwn(notice), "blocks": [markdown_block(text)]} for text in texts]
    made[-1]["blocks"] = [*made[-1]["blocks"], _provenance(post)]
    return made


def render_answer_beginning(post: FinalAnswer, whole: Sequence[SlackMessage], file: str) -> SlackMessage:
    """The beginning of a text that goes along as a file."""
    hint = f"This is the beginning of a long answer. The whole is in the file {escape_line(file)}."
    return {"text": whole[0]["text"], "blocks": [*whole[0]["blocks"][:1], section(hint), _provenance(post)]}


def _provenance(post: FinalAnswer) -> SlackMessage:
    return small(f"*{escape_line(post.by, 80)}* · {escape_mrkdwn(one_line(post.how, 600))}")


def open_question_blocks(card: QuestionCard, link: str) -> list[Block]:
    """One question. `link` leads to its message, where there is one: its thread holds the rest."""
    head = f"{agent_emoji(card.agent)} *{escape_line(card.agent, 80)}* asks:\n*{escape_line(card.text, LINE + 200)}*"
    of = f"{link} of run {card.run}: {escape_line(card.task, 80)}"
    return [section(head), *option_blocks(card), *list_controls(card), small(f"{expiry_text(card)}\n{of}")]


MAX_CELL = 300
"""Characters of a table's cell."""

RESERVED_BLOCKS = 8
"""Blocks that are kept free for what is said beside the cards of a table."""

FindMessageUrl = Callable[[Link], str | None]
"""The web address of a message, where one can be made."""


def render_private_reply(reply: PrivateReply, address: FindMessageUrl) -> SlackMessage:
    """A word as a message."""
    text = localise_commands(reply.text)
    blocks = sections(_SIGNS[reply.tone] + escape_mrkdwn(text)) if text.strip() else []
    for table in reply.tables:
        blocks += table_blocks(table, address)
    if reply.confirm is not None:
        made = command_button(reply.confirm)
        blocks.append(row("word", [made]) if made else section("This is too long for a button: type the command instead."))
    return {"text": escape_mrkdwn(one_line(text, 300) or _titles(reply)), "blocks": blocks[:BLOCKS]}


def _titles(reply: PrivateReply) -> str:
    titles = one_line(", ".join(filter(None, (table.title for table in reply.tables))), 300)
    return titles or "Here is what you asked for."


def table_blocks(table: Table, address: FindMessageUrl, room: int = BLOCKS) -> list[Block]:
    """A table, one entry below the other: phones have no room for columns.

    Rows with a card come first, as what they are, as far as there is `room` (blocks); all others are lines.
    """
    title = f"*{escape_line(table.title)}*\n" if table.title else ""
    shown, lines = list[Block](), list[str]()
    for cells, card in zip_longest(table.rows, table.cards):
        made = open_question_blocks(card, f"*{_question_link(cells, address, card)}*") if card is not None else []
        if made and len(shown) + len(made) <= room - RESERVED_BLOCKS:
            shown += made
        else:
            lines.append(_row(table, cells, address))
    listed = "\n".join(lines)
    if not shown:
        return sections(title + listed)
    return [*sections(title), *shown, *(sections(f"*Others*\n{listed}") if lines else [])]


def _question_link(cells: tuple[str | Link, ...], address: FindMessageUrl, card: QuestionCard) -> str:
    """A row of a question begins with the way to its message."""
    name = f"Question {card.question}"
    return _cell(replace(cells[0], text=name) if isinstance(cells[0], Link) else name, address)


def _row(table: Table, cells: tuple[str | Link, ...], address: FindMessageUrl) -> str:
    first = f"*{_cell(cells[0], address)}*" if cells else ""
    rest = (_named(name, cell, address) for name, cell in zip(table.columns[1:], cells[1:], strict=False))
    return "• " + " · ".join(filter(None, (first, *rest)))


def _named(name: str, cell: str | Link, address: FindMessageUrl) -> str:
    shown = _cell(cell, address)
    return f"{escape_line(name)}: {shown}" if name and shown else shown


def _cell(cell: str | Link, address: FindMessageUrl) -> str:
    if isinstance(cell, Link):
        where, text = address(cell), escape_line(cell.text, MAX_CELL).replace("|", "¦")
        return f"<{where}|{text}>" if where else text
    return escape_line(localise_commands(cell), MAX_CELL)
