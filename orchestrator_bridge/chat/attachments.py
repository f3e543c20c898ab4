"""Files that people attach, as agents may read them: images and UTF-8 text.

Any other file, or one that is too large, is replaced by a notice with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.common.text import clean, listed, one_line

MAX_FILE_SIZE = 5_000_000
"""Bytes of one file. Anthropic's Messages API accepts images of up to 5 MB, the lowest limit of the large providers (2026)."""

TEXT_LIMIT = 50_000
"""Characters of one text file that agents get."""

_IMAGE_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""First bytes of the image formats that all large providers accept. WebP has its signature in two places, see `_image_type`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentContent:
    """One attached file. At most one of `picture` (the id of the stored image), `text` and `why` (why it is omitted) is set.

    `unseen_by`: names of the agents whose models accept no images. Stored in events: the field names must not change.
    """

    name: str
    media_type: str = ""
    picture: str = ""
    text: str = ""
    why: str = ""
    unseen_by: tuple[str, ...] = ()


def parse_attachment(name: str, body: bytes, hidden_from: tuple[str, ...] = ()) -> AttachmentContent:
    """Recognise a file by its content; its name and declared type are not trusted. `hidden_from` applies to images."""
    name = one_line(name, 120)
    if len(body) > MAX_FILE_SIZE:
        return too_large(name, len(body))
    media_type = _image_type(body)
    if media_type:
        image_id = hashlib.sha256(body).hexdigest()
        return AttachmentContent(name=name, media_type=media_type, picture=image_id, unseen_by=hidden_from)
    return _parse_text(name, body)


UNREADABLE = "it is neither an image (PNG, JPEG, GIF, WebP) nor UTF-8 text"
"""Why a file or other content is omitted."""


def is_readable(file: AttachmentContent) -> bool:
    """True if agents can read the file."""
    return bool(file.text or file.picture)


def too_large(name: str, size: int) -> AttachmentContent:
    """The notice for a file of `size` bytes, above the limit."""
    why = f"it has {size / 1e6:.1f} MB, and the limit is {MAX_FILE_SIZE / 1e6:.0f} MB"
    return AttachmentContent(name=one_line(name, 120), why=why)


def with_texts(said: str, files: Sequence[AttachmentContent]) -> str:
    """Append the text of attached files to a message, and a notice for each other file."""
    texts = [f"{file.name}:\n{file.text}" for file in files if file.text]
    others = [f"({file.name}: {file.why or 'an image, shown to the agents'})" for file in files if not file.text]
    return "\n\n".join(part for part in (said, *texts, *others) if part)


def omissions_text(files: Sequence[AttachmentContent]) -> str:
    """Sentences on the files that do not reach every agent; empty if all do."""
    omitted = [f"{file.name} is left out: {file.why}." for file in files if file.why]
    unseen = [f"{file.name} is not shown to {listed(file.unseen_by)}: no image input." for file in files if file.unseen_by]
    return " ".join(omitted + unseen)


def unreadable_text(files: Sequence[AttachmentContent], instead: str) -> str:
    """The refusal of a message without any content that can be read; `instead` says what to do."""
    found = omissions_text(files) or "Your message has no text that I can read."
    return f"{found} It was not passed on. {instead}"


def _image_type(body: bytes) -> str:
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for start, media_type in _IMAGE_SIGNATURES.items() if body.startswith(start)), "")


def _parse_text(name: str, body: bytes) -> AttachmentContent:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    # A NUL byte is valid UTF-8, but only binary files contain one.
    if "\0" in text:
        return AttachmentContent(name=name, why=UNREADABLE)
    cut = "\n… (cut here)" if len(text) > TEXT_LIMIT else ""
    return AttachmentContent(name=name, media_type="text/plain", text=clean(text[:TEXT_LIMIT], TEXT_LIMIT) + cut)
