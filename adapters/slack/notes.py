"""What is said in threads as Slack shows it: notes, agents' words, final answers."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.slack.blocks import markdown_block, section, sections, small
from adapters.slack.cards import SlackMessage
from adapters.slack.escape import escape_line, escape_mrkdwn, safe_markdown
from adapters.slack.faces import agent_emoji
from adapters.slack.mention import mentions
from adapters.slack.phrases import localise_commands
from adapters.slack.split import split_messages
from orchestrator_bridge.chat import FinalAnswer, Note
from orchestrator_bridge.text import one_line, sentence

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
