"""Long Markdown in parts that each fit a message and read well alone: cut between paragraphs, and between the lines of code.

A block of code that is cut is closed at the end of its part and opened again, with its language, at the start of the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import discord

from orchestrator_bridge.common.text import clean, shorten

MAX_CHARACTERS = 1900
"""A message may have 2,000; the rest is for what goes around a part."""
MAX_LINES = 60
"""About three screens of a phone."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*$")


@dataclass(frozen=True, slots=True)
class _Block:
    """What is kept together if it can be: a paragraph, or a piece of code with its fences. `gap` parts it from what is before."""

    text: str
    gap: str

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1 + self.gap.count("\n")


def discord_length(text: str) -> int:
    """How many characters Discord counts, at most: those outside the basic plane may count as two."""
    return len(text) + sum(char > "\uffff" for char in text)


def split_markdown(text: str, characters: int = MAX_CHARACTERS, lines: int = MAX_LINES) -> list[str]:
    """`text` in parts of at most so many characters and lines; joined they say the same. At least one, which may be empty."""
    made: list[str] = []
    now, now_lines = "", 0
    for block in _blocks(text.strip("\n"), characters, lines):
        if now and (discord_length(now + block.gap + block.text) > characters or now_lines + block.lines > lines):
            made.append(now)
            now = ""
        now, now_lines = (now + block.gap + block.text, now_lines + block.lines) if now else (block.text, block.lines)
    return [*made, now] if now or not made else made


def _blocks(text: str, characters: int, lines: int) -> Iterator[_Block]:
    """The paragraphs and pieces of code, each small enough."""
    waiting: list[str] = []
    gap, fence = "\n", ""
    for line in text.split("\n"):
        if fence:
            waiting.append(line)
            if _closes(line, fence):
                yield from _code(waiting, gap, characters, lines)
                waiting, gap, fence = [], "\n", ""
        elif opened := _FENCE.match(line):
            yield from _paragraph(waiting, gap, characters, lines)
            gap = "\n" if waiting else gap
            waiting, fence = [line], opened[1]
        elif line.strip():
            waiting.append(line)
        else:
            yield from _paragraph(waiting, gap, characters, lines)
            waiting, gap = [], "\n\n"
    yield from _code([*waiting, fence], gap, characters, lines) if fence else _paragraph(waiting, gap, characters, lines)


def _closes(line: str, fence: str) -> bool:
    return line.strip().startswith(fence) and not line.strip().strip(fence[0])


def _paragraph(rows: list[str], gap: str, characters: int, lines: int) -> Iterator[_Block]:
    for number, piece in enumerate(_pack_lines(rows, characters, lines)):
        yield _Block(piece, "\n" if number else gap)


def _code(rows: list[str], gap: str, characters: int, lines: int) -> Iterator[_Block]:
    """Code with its fences, in as many pieces as it takes, each with fences of its own."""
    opening, body = rows[0][: characters // 4], rows[1:-1]
    closing = rows[-1].strip()
    room = characters - discord_length(opening) - discord_length(closing) - 2
    for number, piece in enumerate(_pack_lines(body, room, lines - 2) if body else [""]):
        yield _Block(f"{opening}\n{piece}\n{closing}", "\n" if number else gap)


def _pack_lines(rows: list[str], characters: int, lines: int) -> list[str]:
    """Lines packed into pieces; a line that is too long by itself is cut between words where there are any."""
    made: list[list[str]] = []
    used = 0
    for row in chain.from_iterable(_split_line(line, characters) for line in rows):
        if not made or used + discord_length(row) + 1 > characters or len(made[-1]) >= lines:
            made.append([])
            used = -1
        made[-1].append(row)
        used += discord_length(row) + 1
    return ["\n".join(piece) for piece in made]


def _split_line(row: str, characters: int) -> Iterator[str]:
    while discord_length(row) > characters:
        at = characters // 2 if discord_length(row[:characters]) > characters else characters
        border = row.rfind(" ", at // 3, at + 1)
        at = border if border > 0 else at
        yield row[:at]
        row = row[at:].removeprefix(" ")
    yield row


# Text of people and models as Discord shows it, without anything in it that could act: nothing pings, no link is disguised.
#
# Three fences stand behind one another. Every message names those whom it may notify (`allowed_mentions`), which alone keeps
# everybody else from being notified. What looks like a mention is broken up here besides, so that nobody is fooled by one. And
# what hides or disguises is taken out by `clean`.


_ZERO_WIDTH_SPACE = "\u200b"
"""A zero-width space: between an @ and a name it keeps the words readable and makes no mention of them."""

_EVERYBODY = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_MARKUP = re.compile(r"<(?=(?:@[!&]?|#|id:|sound:|t:-?)\w|/[^<>:\n]{1,100}:\d|a?:\w{1,40}:\d)", re.IGNORECASE)
"""How mentions of people, roles, channels and commands begin, and custom emoji, times and sounds."""
_UNSEEN = r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\uffa0]*"
_SPLIT_MENTION = re.compile(rf"([@<]){_UNSEEN}(?=[@!&#/:\w])")
"""An @ or < parted by something unseen from what would make it a mention once somebody takes that out."""

_CODE_BLOCK = re.compile(r"^ {0,3}```.*?(?:^ {0,3}```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_ADDRESS = r"(?:https?|discord)://"
_LINK = re.compile(rf"!?\[([^\[\]\n]{{1,300}})\]\(\s*<?({_ADDRESS}[^\s<>)]+)>?(?:\s+[\"'][^\"'\n]*[\"'])?\s*\)", re.IGNORECASE)
_LINK_START = re.compile(rf"\](?=\(\s*<?{_ADDRESS})", re.IGNORECASE)


def escape_markdown(text: str) -> str:
    """`text` with its Markdown, but no mention of anybody in it; links show where they lead."""
    return _LINK_START.sub("] ", _reveal_links(neutralise_mentions(text)))


def neutralise_mentions(text: str) -> str:
    """`text` cleaned, without anything that Discord takes for a mention."""
    text = _SPLIT_MENTION.sub(r"\1", clean(text))
    return _MARKUP.sub(f"<{_ZERO_WIDTH_SPACE}", _EVERYBODY.sub(f"@{_ZERO_WIDTH_SPACE}", text))


def escape_line(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, none of which is Markdown."""
    open_ = _LINK_START.sub("] ", _reveal_links(neutralise_mentions(text), everywhere=True))
    line = shorten(" ".join(open_.split()), limit)
    return discord.utils.escape_markdown(line)


def plain_line(text: str, limit: int) -> str:
    """`text` on one line for places that know no Markdown, such as buttons and names of threads; never empty."""
    return shorten(" ".join(neutralise_mentions(text).split()), limit) or "…"


def _reveal_links(text: str, *, everywhere: bool = False) -> str:
    """`[label](address)` as `label (<address>)`, outside of code unless told `everywhere`."""
    if everywhere:
        return _LINK.sub(r"\1 (\2)", text)
    pieces, at = [], 0
    for fence in _CODE_BLOCK.finditer(text):
        pieces += [_LINK.sub(r"\1 (<\2>)", text[at : fence.start()]), fence.group()]
        at = fence.end()
    return "".join([*pieces, _LINK.sub(r"\1 (<\2>)", text[at:])])
