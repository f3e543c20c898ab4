"""What is said in threads as Slack shows it: notes, agents' words, final answers."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.slack.blocks import markdown_block, section, sections, small
from adapters.slack.cards import Message
from adapters.slack.escape import bare, escaped, markdown
from adapters.slack.faces import face
from adapters.slack.mention import mentions
from adapters.slack.phrases import in_slack
from adapters.slack.split import messages
from orchestrator_bridge.chat import FinalAnswer, Note
from orchestrator_bridge.text import one_line, sentence

_SIGNS = {"plain": "", "good": ":white_check_mark: ", "warning": ":warning: "}


def note(post: Note, *, as_speaker: bool) -> list[Message]:
    """A note, in more than one message if it is long. `as_speaker`: the app may post under an agent's name."""
    texts = _said(post) if post.speaker is not None else [_SIGNS[post.tone] + escaped(in_slack(post.text.strip()))]
    made = [_message(post, text) for text in texts or [""]]
    made[0] |= {"blocks": [*_heading(post, as_speaker), *made[0]["blocks"]]}
    return [one | _speaker(post, as_speaker) for one in made]


def _said(post: Note) -> list[str]:
    return [_SIGNS[post.tone] + text for text in messages(markdown(post.text))]


def _message(post: Note, text: str) -> Message:
    blocks = [markdown_block(text or "…")] if post.speaker is not None else sections(text) or [section("…")]
    who = f"{one_line(post.speaker, 80)}: " if post.speaker else ""
    return {"text": escaped(who + (one_line(post.text, 300) or "…")), "blocks": blocks[:45]}


def _heading(post: Note, as_speaker: bool) -> list[Message]:
    """Whom it notifies, and who speaks where the name cannot stand above the message."""
    named = mentions(post.mentions, post.groups)
    speaker = f"*{bare(post.speaker, 80)}*" if post.speaker and not as_speaker else ""
    words = " ".join(filter(None, (speaker, named)))
    return [section(words)] if words else []


def _speaker(post: Note, as_speaker: bool) -> Message:
    if not post.speaker or not as_speaker:
        return {}
    return {"username": one_line(post.speaker, 80) or "agent", "icon_emoji": face(post.speaker)}


def final_answer(post: FinalAnswer) -> list[Message]:
    """A run's final text, in as many messages as it takes."""
    texts = messages(markdown(post.text)) or ["…"]
    notice = f"Run {post.run} has its answer, by {one_line(post.by, 40)}: {sentence(one_line(post.text, 200))}"
    made = [{"text": escaped(notice), "blocks": [markdown_block(text)]} for text in texts]
    made[-1]["blocks"] = [*made[-1]["blocks"], _how(post)]
    return made


def shortened_answer(post: FinalAnswer, whole: Sequence[Message], file: str) -> Message:
    """The beginning of a text that goes along as a file."""
    hint = f"This is the beginning of a long answer. The whole is in the file {bare(file)}."
    return {"text": whole[0]["text"], "blocks": [*whole[0]["blocks"][:1], section(hint), _how(post)]}


def _how(post: FinalAnswer) -> Message:
    return small(f"*{bare(post.by, 80)}* · {escaped(one_line(post.how, 600))}")
