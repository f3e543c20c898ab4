"""A long text in messages that Slack takes: at paragraphs, at lines, at words, and never through a fence.

The source of the limits: Slack's reference of the block `markdown` (12,000 characters in all such blocks of a message). A little
is left for what else stands in the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.slack.escape import MarkdownPiece, render_piece

MAX_BLOCK = 11_500
"""Characters of Markdown in one message."""

_BOUNDARIES = ("\n\n", "\n", ". ", " ")
"""Where to cut, best first."""


def split_messages(pieces: Sequence[MarkdownPiece], limit: int = MAX_BLOCK) -> list[str]:
    """Pieces of Markdown as the texts of messages, each of at most `limit` characters.

    Raises:
        ValueError: the limit is too small to hold a fence.
    """
    if limit < 100:
        raise ValueError(f"messages of {limit} characters; expected at least 100")
    made: list[str] = []
    for part in (part for piece in pieces for part in _split_piece(piece, limit)):
        if made and len(made[-1]) + 2 + len(part) <= limit:
            made[-1] = f"{made[-1]}\n\n{part}"
        else:
            made.append(part)
    return made


def _split_piece(piece: MarkdownPiece, limit: int) -> Iterator[str]:
    frame = len(render_piece(piece, ""))
    for text in split_text(piece.text if piece.code else piece.text.strip("\n"), limit - frame, keep_blanks=piece.code):
        yield render_piece(piece, text)


def split_text(text: str, limit: int, *, keep_blanks: bool = False) -> Iterator[str]:
    """A text in stretches of at most `limit` characters. With `keep_blanks` only a line's end is lost at a border."""
    while len(text) > limit:
        end = _find_boundary(text, limit, ("\n",) if keep_blanks else _BOUNDARIES)
        yield text[:end].rstrip("\n") if keep_blanks else text[:end].rstrip()
        text = text[end:].removeprefix("\n") if keep_blanks else text[end:].lstrip("\n ")
    yield text


def _find_boundary(text: str, limit: int, borders: Sequence[str]) -> int:
    """Where to end a stretch: at the best border that is not too far back, else where it is full, but through no entity."""
    for border in borders:
        found = text.rfind(border, 0, limit)
        if found > limit // 3:
            return found + len(border.rstrip())
    entity = text.rfind("&", limit - 8, limit)
    return entity if entity > 0 and ";" in text[entity : entity + 8] and ";" not in text[entity:limit] else limit
