"""Text of models and people mentions nobody and disguises no link."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.markdown import escape_line, escape_markdown, plain_line
from adapters.discord.render import (
    DiscordMessage,
    mention_text,
    question_thread_name,
    render_final_answer,
    render_note,
    render_private_reply,
    render_question_card,
    render_run_card,
)
from orchestrator_bridge.chat.inbound import Author, Group
from orchestrator_bridge.chat.outbound import CardAgent, CardOption, FinalAnswer, Note, PrivateReply, QuestionCard, RunCard, Table

TRICKS = (
    "@everyone",
    "@here",
    "@EVERYONE",
    "**@everyone**",
    "*@here*",
    "~~@everyone~~ ||@here||",
    "`@everyone` and ```\n@here\n```",
    "> @everyone",
    "# @here",
    "@\u200beveryone",
    "@\u200deveryone",
    "@\u2060here",
    "@\u00adeveryone",
    "@\ufe0fhere",
    "@\u034feveryone",
    "\u202e@everyone\u202c",
    "\u2066@here\u2069",
    "@\U000e0061everyone",
    "@\x00everyone",
    "\x1b[31m@everyone",
    "<@123456789012345678>",
    "<@!123456789012345678>",
    "<@&123456789012345678>",
    "<@\u200b123456789012345678>",
    "<\u2060@123456789012345678>",
    "<\u200d@&123456789012345678>",
    "<#123456789012345678>",
    "</ask:123456789012345678>",
    "<:fine:123456789012345678>",
    "<a:fine:123456789012345678>",
    "<t:1700000000:R>",
    "<id:customize>",
    "\\<@123456789012345678>",
    "[<@123456789012345678>](https://a.example)",
    "@everyone" * 50,
    "@@everyone@here",
    "<<@123456789012345678>>",
    "@everyone\u0301",
    "&commat;everyone",
)
ACTS = re.compile(r"@(?:everyone|here)|<(?:@[!&]?|#)\d|</[^>]+:\d|<a?:\w+:\d|<t:\d|<id:", re.IGNORECASE)
MASKED = re.compile(r"\]\(\s*<?(?:https?|discord)://", re.IGNORECASE)
UNSEEN = re.compile("[\u00ad\u034f\u200c-\u200f\u2060-\u2064\ufe00-\ufe0f]")


def assert_calls_nobody(text: str) -> None:
    assert not ACTS.search(text), text
    assert not ACTS.search(UNSEEN.sub("", text)), "and not once somebody takes out what is not seen"
    assert not any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_makes_a_mention(trick: str) -> None:
    for made in (
        escape_markdown(trick),
        escape_line(trick, 200),
        plain_line(trick, 200),
        escape_markdown(f"before {trick} after"),
    ):
        assert_calls_nobody(made)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_part_of_any_post_makes_a_mention_or_allows_one(trick: str) -> None:
    for shown in every_post(trick):
        allowed = shown.allowed_mentions.to_dict()
        assert allowed["parse"] == []
        assert not allowed.get("users")
        assert not allowed.get("roles")
        for text in texts(shown):
            assert_calls_nobody(text)


def every_post(text: str) -> list[DiscordMessage]:
    option = CardOption(id="a", label=text[:70], description=text)
    question = QuestionCard(
        question=1,
        run=1,
        agent=text,
        text=text,
        context=text,
        answer_kind="choice",
        options=(option,) * 7,
        mentions=(),
        asked=text,
        expires_at=1_700_000_000.0,
        silence=text,
        task=text,
    )
    agents = (CardAgent(name=text, model=text, state=text),)
    run = RunCard(run=1, task=text, team=text, agents=agents, status=text, cost=text, tokens=1)
    table = Table(columns=(text,), rows=((text,),), title=text)
    return [
        render_question_card(question, "key"),
        render_run_card(run, "key"),
        *render_note(Note(text=text, speaker=text)),
        *render_final_answer(FinalAnswer(run=1, text=text, how=text, by=text)),
        render_private_reply(PrivateReply(text=text, tables=(table,)), lambda place, message: None),
    ]


def texts(shown: DiscordMessage) -> list[str]:
    found = [shown.content.replace("<t:1700000000:", "")]
    for embed in shown.embeds:
        found += [embed.title or "", embed.description or "", embed.footer.text or ""]
        found += [str(part).replace("<t:1700000000:", "") for field in embed.fields for part in (field.name, field.value)]
    return found


def test_only_the_people_asked_are_mentioned_and_allowed() -> None:
    people = (Author(platform="discord", id="42", name="@everyone"), Author(platform="discord", id="@here", name="x"))
    called = mention_text(people, (Group(platform="discord", id="7", name="ops"),))
    assert called.text == "<@42> <@&7>"
    assert dict(called.allowed.to_dict()) == {"parse": [], "users": [42], "roles": [7]}


def test_the_name_of_a_thread_mentions_nobody_and_is_never_empty() -> None:
    card = RunCard(run=1, task="\x00", team="t", agents=(), status="s", cost="0", tokens=0)
    assert plain_line(card.task, 100) == "…"
    assert_calls_nobody(question_thread_name(_question("@everyone <@&1>")))


def _question(text: str) -> QuestionCard:
    return QuestionCard(
        question=1,
        run=1,
        agent="a",
        text=text,
        context="",
        answer_kind="text",
        options=(),
        mentions=(),
        asked="b",
        expires_at=0.0,
        silence="c",
    )


@pytest.mark.parametrize(
    "disguised",
    [
        "[see](https://evil.example/x)",
        "[see](<https://evil.example/x>)",
        '[see](https://evil.example/x "title")',
        "[[see]](https://evil.example/x)",
        "[https://good.example](https://evil.example/x)",
        "![see](HTTPS://evil.example/x)",
        "[a\nb](https://evil.example/x)",
        "```\n[see](https://evil.example/x)\n```",
        "[see](  https://evil.example/x)",
    ],
)
def test_a_link_shows_where_it_leads(disguised: str) -> None:
    for made in (escape_markdown(disguised), escape_line(disguised, 300)):
        assert not MASKED.search(made)
        assert "//evil.example/x" in made


@given(st.text(alphabet="[]()<>@&!#:everyonhttps/. \u200b\n`", max_size=60))
def test_no_combination_of_control_characters_takes_effect(text: str) -> None:
    made = escape_markdown(text)
    assert not ACTS.search(made)
    assert not MASKED.search(made)


def test_harmless_text_stays_as_it_is() -> None:
    text = "Use `List<int>` and **mind** a < b, ana@example.com, see https://example.com/a_b_c.\n\n```html\n<a:b></a:b>\n```"
    assert escape_markdown(text) == text
