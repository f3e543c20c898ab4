"""What a person attached, as agents may read it: pictures and text. What is neither, or too large, is left out and said to be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.common.text import clean, listed, one_line

MAX_FILE_SIZE = 5_000_000
"""Bytes of one file. Anthropic takes pictures of at most 5 MB, the least of the large vendors (its Messages API, 2026)."""

TEXT_LIMIT = 50_000
"""Characters of one text file that agents are shown."""

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""How the files of the picture formats that all vendors take begin; WebP stands apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentContent:
    """One attached file. A picture has the id under which the store keeps it, a text file its text, all else a reason (`why`).

    `unseen_by`: the agents whose models take no pictures.
    """

    name: str
    media_type: str = ""
    picture: str = ""
    text: str = ""
    why: str = ""
    unseen_by: tuple[str, ...] = ()


def parse_attachment(name: str, body: bytes, hidden_from: tuple[str, ...] = ()) -> AttachmentContent:
    """A file by what it holds; what its sender calls it is not relied on. `unseen_by` is for pictures."""
    name = one_line(name, 120)
    if len(body) > MAX_FILE_SIZE:
        return too_large(name, len(body))
    media_type = _picture_type(body)
    if media_type:
        return AttachmentContent(
            name=name, media_type=media_type, picture=hashlib.sha256(body).hexdigest(), unseen_by=hidden_from
        )
    return _text(name, body)


def too_large(name: str, size: int) -> AttachmentContent:
    """A file of so many bytes that it is left out."""
    why = f"it has {size / 1e6:.1f} MB, and at most {MAX_FILE_SIZE / 1e6:.0f} MB are taken"
    return AttachmentContent(name=one_line(name, 120), why=why)


def with_texts(said: str, files: Sequence[AttachmentContent]) -> str:
    """What somebody said, with the text of the files attached to it, and what became of the others."""
    texts = [f"{file.name}:\n{file.text}" for file in files if file.text]
    others = [f"({file.name}: {file.why or 'a picture, shown to the agents'})" for file in files if not file.text]
    return "\n\n".join(part for part in (said, *texts, *others) if part)


def omissions_text(files: Sequence[AttachmentContent]) -> str:
    """What of these files does not reach everybody, as sentences; empty if everything does."""
    missing = [f"{file.name} is left out: {file.why}." for file in files if file.why]
    unseen = [f"{file.name} is not shown to {listed(file.unseen_by)}: no model for pictures." for file in files if file.unseen_by]
    return " ".join(missing + unseen)


def _picture_type(body: bytes) -> str:
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for start, media_type in _PICTURES.items() if body.startswith(start)), "")


def _text(name: str, body: bytes) -> AttachmentContent:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return AttachmentContent(name=name, why="it is neither a picture (PNG, JPEG, GIF, WebP) nor text in UTF-8")
    cut = "\n… (cut here)" if len(text) > TEXT_LIMIT else ""
    return AttachmentContent(name=name, media_type="text/plain", text=clean(text[:TEXT_LIMIT], TEXT_LIMIT) + cut)
