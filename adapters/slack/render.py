"""Posts as Slack messages: pure functions from neutral values to the arguments of `chat.postMessage`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from adapters.slack.blocks import BLOCKS, Block, markdown_block, moment, row, section, sections, small
from adapters.slack.controls import command_button, list_controls, question_controls, run_controls
from adapters.slack.markdown import escape_line, escape_mrkdwn, localise_commands, mentions, safe_markdown, split_messages
from orchestrator_bridge.chat.outbound import (
    Confirmation,
    FinalAnswer,
    Link,
    Note,
    PrivateReply,
    QuestionCard,
    RunCard,
    Table,
)
from orchestrator_bridge.common.markdown_tables import draw_tables
from orchestrator_bridge.common.text import one_line, sentence, shorten

AGENT_EMOJI = (
    ":large_blue_circle:",
    ":large_orange_circle:",
    ":large_green_circle:",
    ":large_purple_circle:",
    ":large_brown_circle:",
    ":red_circle:",
    ":large_yellow_circle:",
    ":white_circle:",
    ":black_circle:",
    ":large_blue_square:",
    ":large_orange_square:",
    ":large_green_square:",
    ":large_purple_square:",
    ":large_brown_square:",
    ":large_red_square:",
    ":large_yellow_square:",
)
"""Icons of agents: as many as a team can have agents."""

TASK, CONTEXT, LINE = 600, 1500, 400
"""Characters of a task, of a question's context, and of a single line."""

SlackMessage = dict[str, Any]
"""`text`, which phone notifications show, and `blocks`."""

STATUS_EMOJI = {
    "finished": ":white_check_mark:",
    "failed": ":warning:",
    "cancelled": ":no_entry_sign:",
    "waiting": ":raising_hand:",
    "working": ":hourglass_flowing_sand:",
}
"""The emoji of a status, by its first word."""

_TONES = {"plain": "", "good": ":white_check_mark: ", "warning": ":warning: "}

MAX_CELL = 300
"""Characters of a table cell."""

RESERVED_BLOCKS = 8
"""Blocks that are reserved for text beside the cards of a table."""

FindMessageUrl = Callable[[Link], str | None]
"""The web address of a message; None where there is none."""


def agent_emoji(name: str, number: int | None) -> str:
    """An agent's icon, by its position in its team. Posts of earlier releases have none; then it follows from the name."""
    return AGENT_EMOJI[(sum(name.encode()) if number is None else number) % len(AGENT_EMOJI)]


def render_run_card(card: RunCard) -> SlackMessage:
    """A run card: task, status, and each agent with its state and model."""
    status = one_line(card.status, LINE)
    task = "\n".join(f"> {line}" for line in escape_mrkdwn(shorten(card.task.strip(), TASK)).splitlines())
    agents = (  # each with the icon under which it speaks in the thread
        f"{agent_emoji(agent.name, number)} *{escape_line(agent.name, 40)}* "
        f"{escape_line(agent.state, 60)} · {escape_line(agent.model, 60)}"
        for number, agent in enumerate(card.agents)
    )
    blocks = [
        section(f"{status_emoji(status)} *Run {card.run}* · {escape_line(status)}\n{task}"),
        section("\n".join(agents)),
        *(() if card.ended else run_controls(card.run)),
        small(_spent(card)),
    ]
    text = f"Run {card.run} ({status}): {sentence(one_line(card.task, 150))}"
    return {"text": escape_mrkdwn(text), "blocks": blocks}


def render_turn_card(card: RunCard) -> SlackMessage:
    """The short card of a next turn: the thread above it has the team and its models."""
    status = one_line(card.status, LINE)
    task = escape_mrkdwn(one_line(card.task, TASK // 2))
    agents = " · ".join(f"*{escape_line(agent.name, 40)}* {escape_line(agent.state, 60)}" for agent in card.agents)
    head = f"{status_emoji(status)} *Run {card.run}* · {escape_line(status)} · continues run {card.continues}"
    spent = f"{escape_line(card.cost, 40)} · {card.tokens:,} tokens"
    blocks = [
        section(f"{head}\n> {task}"),
        *(() if card.ended else (small(agents), *run_controls(card.run))),
        small(spent),
    ]
    return {"text": escape_mrkdwn(f"Run {card.run} ({status}): {sentence(one_line(card.task, 150))}"), "blocks": blocks}


def status_emoji(status: str) -> str:
    """The emoji of a run's status."""
    return next((emoji for word, emoji in STATUS_EMOJI.items() if status.startswith(word)), STATUS_EMOJI["working"])


def _spent(card: RunCard) -> str:
    origin = ("scripted: no model is called",) if card.scripted else ()
    asked = (f"asked by {escape_line(card.requester, 80)}",) if card.requester else ()
    guide = () if card.ended else ("write in the thread to guide them",)
    return " · ".join(
        (*asked, f"team {escape_line(card.team, 80)}", escape_line(card.cost, 40), f"{card.tokens:,} tokens", *origin, *guide)
    )


def render_question_card(card: QuestionCard) -> SlackMessage:
    """A question card: open with its controls, or closed with its outcome."""
    return _closed_card(card) if card.closed is not None else _open_card(card)


def _asking_agent(card: QuestionCard) -> str:
    return f"{agent_emoji(card.agent, card.agent_number)} *{escape_line(card.agent, 80)}*"


def _open_card(card: QuestionCard) -> SlackMessage:
    notified = f"{mentions(card.mentions, card.groups)} ".lstrip()
    blocks = [
        section(f"{notified}{_asking_agent(card)} asks:\n*{escape_line(card.text, LINE + 200)}*"),
        *sections(escape_mrkdwn(shorten(card.context.strip(), CONTEXT))),
        *option_blocks(card),
        *question_controls(card),
        small(f"{expiry_text(card)}\nPress a button, or reply in the thread with a number or in your own words."),
        small(
            f"Question {card.question} for {escape_mrkdwn(one_line(card.asked, LINE))} · "
            f"run {card.run}: {escape_line(card.task, 120)}"
        ),
    ]
    return {"text": _notification_text(card), "blocks": blocks}


def _closed_card(card: QuestionCard) -> SlackMessage:
    ended = one_line(card.closed or "", LINE * 2)
    emoji = ":white_check_mark:" if ended.startswith("Answered") else ":hourglass:"
    blocks = [
        section(f"{_asking_agent(card)} asked:\n{escape_line(card.text, LINE + 200)}"),
        *option_blocks(card),
        section(f"{emoji} *{escape_line(ended)}*"),
        small(f"Question {card.question} of run {card.run}. The thread stays open to read."),
    ]
    return {"text": escape_mrkdwn(f"Question {card.question} has ended. {sentence(shorten(ended, LINE))}"), "blocks": blocks}


def expiry_text(card: QuestionCard) -> str:
    """The expiry, and what happens then."""
    progress = f"{escape_line(card.progress, LINE)} " if card.progress else ""
    return f":alarm_clock: {progress}Waits until {moment(card.expires_at)}. {escape_mrkdwn(one_line(card.silence, LINE))}"


def _notification_text(card: QuestionCard) -> str:
    """The text of a phone notification: the agent, the question and the options."""
    options = ", ".join(f"{number}. {one_line(option.label, 40)}" for number, option in enumerate(card.options, 1))
    choice = f" {sentence(options)}" if options else ""
    return escape_mrkdwn(f"{one_line(card.agent, 40)} asks you: {sentence(one_line(card.text, 300))}{choice}")


def option_blocks(card: QuestionCard) -> list[Block]:
    """The numbered options."""
    lines = []
    for number, option in enumerate(card.options, 1):
        about = f": {escape_line(option.description, 200)}" if option.description.strip() else ""
        recommended = " _(recommended)_" if option.recommended else ""
        lines.append(f"*{number}.* {escape_line(option.label, 80)}{about}{recommended}")
    return sections("\n".join(lines))


def render_note(post: Note, *, as_speaker: bool) -> list[SlackMessage]:
    """A note in as many messages as it takes. `as_speaker`: the app may post under an agent's name."""
    if post.speaker is None:
        texts = [_TONES[post.tone] + escape_mrkdwn(localise_commands(post.text.strip()))]
    else:
        texts = [_TONES[post.tone] + text for text in split_messages(safe_markdown(draw_tables(post.text)))]
    speaker = f"{one_line(post.speaker, 80)}: " if post.speaker else ""
    notification = escape_mrkdwn(speaker + (one_line(post.text, 300) or "…"))
    messages = list[SlackMessage]()
    for text in texts or [""]:
        blocks = [markdown_block(text or "…")] if post.speaker is not None else sections(text) or [section("…")]
        messages.append({"text": notification, "blocks": blocks[:45]})
    messages[0] |= {"blocks": [*_heading(post, as_speaker), *messages[0]["blocks"]]}
    if post.again is not None:
        command = Confirmation(label="Ask again", name="questions", text=f"{post.again} again")
        messages[-1] |= {"blocks": [*messages[-1]["blocks"], row("again", filter(None, [command_button(command)]))]}
    if not post.speaker or not as_speaker:
        return messages
    identity = {"username": one_line(post.speaker, 80) or "agent", "icon_emoji": agent_emoji(post.speaker, post.speaker_number)}
    return [message | identity for message in messages]


def _heading(post: Note, as_speaker: bool) -> list[SlackMessage]:
    """Mentions of those to notify, and the speaker where the name cannot stand above the message."""
    notified = mentions(post.mentions, post.groups)
    speaker = f"*{escape_line(post.speaker, 80)}*" if post.speaker and not as_speaker else ""
    words = " ".join(filter(None, (speaker, notified)))
    return [section(words)] if words else []


def render_final_answer(post: FinalAnswer) -> list[SlackMessage]:
    """A final answer in as many messages as it takes."""
    texts = split_messages(safe_markdown(draw_tables(post.text))) or ["…"]
    notice = f"Run {post.run} has its answer, by {one_line(post.by, 40)}: {sentence(one_line(post.text, 200))}"
    messages = [{"text": escape_mrkdwn(notice), "blocks": [markdown_block(text)]} for text in texts]
    messages[-1]["blocks"] = [*messages[-1]["blocks"], _provenance(post)]
    if post.mentions and not post.drafted:
        messages[0]["blocks"] = [section(f"{mentions(post.mentions)} run {post.run} has its answer."), *messages[0]["blocks"]]
    return messages


def render_streamed_notice(post: FinalAnswer) -> SlackMessage:
    """A message that notifies the requester of a streamed answer: a mention in an edit notifies nobody."""
    text = f"Run {post.run} has its answer, by {escape_line(post.by, 40)}."
    return {"text": text, "blocks": [section(f"{mentions(post.mentions)} {text}")]}


def render_answer_beginning(post: FinalAnswer, messages: Sequence[SlackMessage], file: str) -> SlackMessage:
    """The beginning of an answer that is posted as a file."""
    hint = f"This is the beginning of a long answer. The whole answer is in the file {escape_line(file)}."
    beginning = [block for block in messages[0]["blocks"] if block["type"] != "context"]
    return {"text": messages[0]["text"], "blocks": [*beginning, section(hint), _provenance(post)]}


def _provenance(post: FinalAnswer) -> SlackMessage:
    return small(f"*{escape_line(post.by, 80)}* · {escape_mrkdwn(one_line(post.how, 600))}")


def open_question_blocks(card: QuestionCard, link: str, *, alone: bool = False) -> list[Block]:
    """A question in a list. `link` leads to its message and thread, where there is one; `alone` as in `list_controls`."""
    head = f"{_asking_agent(card)} asks:\n*{escape_line(card.text, LINE + 200)}*"
    origin = f"{link} of run {card.run}: {escape_line(card.task, 80)}"
    return [section(head), *option_blocks(card), *list_controls(card, alone=alone), small(f"{expiry_text(card)}\n{origin}")]


def render_private_reply(reply: PrivateReply, find_url: FindMessageUrl) -> SlackMessage:
    """A private reply as a message."""
    text = localise_commands(reply.text)
    blocks = sections(_TONES[reply.tone] + escape_mrkdwn(text)) if text.strip() else []
    for table in reply.tables:
        blocks += table_blocks(table, find_url)
    if reply.confirm is not None:
        offers = (reply.confirm, *((reply.alternative,) if reply.alternative else ()))
        buttons = [button for number, offer in enumerate(offers) if (button := command_button(offer, number))]
        blocks.append(row("word", buttons) if buttons else section("This is too long for a button. Type the command instead."))
    titles = ", ".join(filter(None, (table.title for table in reply.tables)))
    notification = one_line(text, 300) or one_line(titles, 300) or "The result of your command."
    return {"text": escape_mrkdwn(notification), "blocks": blocks[:BLOCKS]}


def table_blocks(table: Table, find_url: FindMessageUrl, room: int = BLOCKS) -> list[Block]:
    """A table, one entry below the other, since phones have no room for columns.

    Rows with a card come first, as cards, as far as `room` (blocks) allows; all other rows are lines.
    """
    title = f"*{escape_line(table.title)}*\n" if table.title else ""
    cards, lines, alone = list[Block](), list[str](), sum(card is not None for card in table.cards) == 1
    for cells, card in zip_longest(table.rows, table.cards):
        link = f"*{_question_link(cells, find_url, card)}*" if card is not None else ""
        card_blocks = open_question_blocks(card, link, alone=alone) if card is not None else []
        if card_blocks and len(cards) + len(card_blocks) <= room - RESERVED_BLOCKS:
            cards += card_blocks
        else:
            lines.append(_row(table, cells, find_url))
    listed = "\n".join(lines)
    if not cards:
        return sections(title + listed)
    return [*sections(title), *cards, *(sections(f"*Others*\n{listed}") if lines else [])]


def _question_link(cells: tuple[str | Link, ...], find_url: FindMessageUrl, card: QuestionCard) -> str:
    """The first cell of a question's row, which leads to its message."""
    name = f"Question {card.question}"
    return _cell(replace(cells[0], text=name) if isinstance(cells[0], Link) else name, find_url)


def _row(table: Table, cells: tuple[str | Link, ...], find_url: FindMessageUrl) -> str:
    if table.commands:
        cells = (localise_commands(f"`{cells[0]}`").strip("`"), *cells[1:])
    first = f"*{_cell(cells[0], find_url)}*" if cells else ""
    rest = [(name, _cell(cell, find_url)) for name, cell in zip(table.columns[1:], cells[1:], strict=False)]
    named = (f"{escape_line(name)}: {text}" if name and text else text for name, text in rest)
    return "• " + " · ".join(filter(None, (first, *named)))


def _cell(cell: str | Link, find_url: FindMessageUrl) -> str:
    if isinstance(cell, Link):
        url, text = find_url(cell), escape_line(cell.text, MAX_CELL).replace("|", "¦")
        return f"<{url}|{text}>" if url else text
    return escape_line(cell, MAX_CELL)
