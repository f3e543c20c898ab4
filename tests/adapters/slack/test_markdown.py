"""Attempts of a model's text to mention people or disguise links; none of them works anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.app_home import home_view
from adapters.slack.markdown import MAX_BLOCK, escape_line, escape_mrkdwn, safe_markdown, split_messages
from adapters.slack.render import render_final_answer, render_note, render_private_reply, render_question_card, render_run_card
from orchestrator_bridge.chat.outbound import CardOption, Confirmation, FinalAnswer, Note, PrivateReply, Table
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.fake_slack.limits import wrong_in_message
from tests.support.fake_slack.shown import hidden_links, notified, words

MENTIONS = (
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<@U1ANA>",
    "<@U1ANA|ana>",
    "<!subteam^S1CREW|@crew>",
    "&lt;!channel&gt;",
    "&#60;!channel&#62;",
    "&#x3c;!here&#x3e;",
    "<\u200b!channel>",
    "\u202e>lennahc!<",
    "```\n<!channel>\n```",
    "`<!channel>`",
    "> <!channel>",
    "| a | <!channel> |",
)
LINKS = (
    "[see the log](https://evil.example/x)",
    "[https://good.example](https://evil.example/x)",
    "![a picture](https://evil.example/x)",
    '[see](https://evil.example/x "good.example")',
    "[see](<https://evil.example/x>)",
    "[see][1]\n\n[1]: https://evil.example/x",
    "[see][]\n\n[see]: https://evil.example/x",
    "[see]\n\n[see]: https://evil.example/x",
    "> [see][1]\n> [1]: https://evil.example/x",
    "<https://evil.example/x|good.example>",
    "&lt;https://evil.example/x|good.example&gt;",
    "~~~\ncode\n~~~\n[see](https://evil.example/x)",
    "- ```\n```\n[see](https://evil.example/x)\n```",
    "``` [see](https://evil.example/x) ```",
    "[a [b](https://evil.example/x) c](https://evil.example/y)",
    "[see\\](https://evil.example/x)",
)

Renders = Callable[[str], Mapping[str, Any]]

PLACES: dict[str, Renders] = {
    "task": lambda text: render_run_card(RUN.__class__(**{**_fields(RUN), "task": text, "team": text, "status": text})),
    "question": lambda text: render_question_card(question().__class__(**{**_fields(question()), "text": text, "context": text})),
    "option": lambda text: render_question_card(
        question().__class__(**{**_fields(question()), "options": (CardOption(id="a", label=text[:75], description=text),)})
    ),
    "closed": lambda text: render_question_card(question().__class__(**{**_fields(question()), "closed": text})),
    "note": lambda text: render_note(Note(text=text), as_speaker=True)[0],
    "agent": lambda text: render_note(Note(text=text, speaker=text), as_speaker=False)[0],
    "final": lambda text: render_final_answer(FinalAnswer(run=1, text=text, how=text, by=text))[0],
    "word": lambda text: render_private_reply(
        PrivateReply(text=text, tables=(Table(columns=("a", text), rows=((text, text),), title=text),)), lambda link: None
    ),
    "list": lambda text: render_private_reply(waiting(text), lambda _: "https://home.slack.example/p1"),
    "home": lambda text: {"text": "App Home", "blocks": page(text)["blocks"][:50]},
    "confirm": lambda text: render_private_reply(
        PrivateReply(text="Sure?", confirm=Confirmation(label=text, name="model", text=text)), lambda _: None
    ),
}


def waiting(text: str) -> PrivateReply:
    """A question with its controls, and other rows."""
    options = (CardOption(id="a", label=text[:75], description=text),)
    card = replace(question(), agent=text, text=text, task=text, silence=text, options=options)
    table = Table(title=text, columns=("question",), rows=((text,), (text,)), cards=(card,))
    return PrivateReply(text=text, tables=(table, Table(columns=("agent", ""), rows=((text, text),), title=text)))


def page(text: str) -> Mapping[str, Any]:
    """App Home; its titles are always ours."""
    word = waiting(text)
    tables = tuple(replace(table, title="Models") for table in word.tables)
    return home_view(replace(word, tables=tables), lambda _: "https://home.slack.example/p1", selectable=True, result=word)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("trick", MENTIONS)
def test_no_text_mentions_anybody(place: str, trick: str) -> None:
    assert not notified(PLACES[place](trick))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("trick", LINKS)
def test_no_link_hides_where_it_leads(place: str, trick: str) -> None:
    message = PLACES[place](trick)
    assert not hidden_links(message)
    for block in message["blocks"]:
        if block["type"] == "markdown":
            assert not re.search(r"\]\(|\]\[|^\s*(> ?)*\[[^\]]*\]:", _prose(block["text"]), re.MULTILINE)


def _prose(text: str) -> str:
    return re.sub(r"^```[^\n]*\n.*?\n```$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("place", PLACES)
def test_no_text_makes_blocks_or_buttons(place: str) -> None:
    plain = PLACES[place]("harmless")
    tricky = PLACES[place]('{"type":"actions","elements":[{"type":"button"}]}')
    assert [block["type"] for block in tricky["blocks"]] == [block["type"] for block in plain["blocks"]]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", ["", " ", "\n", "&" * 20_000, "<>&" * 9000, "a" * 40_000, "🙂" * 9000, "\x00\x1b[2J"])
def test_every_text_makes_a_valid_message(place: str, text: str) -> None:
    assert wrong_in_message(PLACES[place](text)) == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("&amp;lt;", "&amp;lt;"),
        ("*bold* and _soft_", "*bold* and _soft_"),
        ("x\u200by", "xy"),
    ],
)
def test_text_is_shown_as_it_was_written(written: str, shown: str) -> None:
    assert escape_mrkdwn(written) == shown


def test_names_are_not_styled() -> None:
    assert words({"blocks": [{"type": "section", "text": {"text": escape_line("*a* `b` ~c~ snake_case _d_")}}]}) == (
        "*a* `b` ~c~ snake_case _d_"
    )
    assert "*a*" not in escape_line("*a*")


def test_code_keeps_its_brackets_and_its_language() -> None:
    code = "```python\nrows[0](x)  # [a](b)\n```"
    assert split_messages(safe_markdown(code)) == [code]


def test_code_in_a_list_is_code_too() -> None:
    pieces = safe_markdown("1. Do this:\n\n    ```sh\n    ls\n    ```\n2. Done.")
    assert [(piece.code, piece.text.strip()) for piece in pieces] == [(False, "1. Do this:"), (True, "ls"), (False, "2. Done.")]


def test_quotations_stay_quotations() -> None:
    (piece,) = safe_markdown("> she said\n> > he said")
    assert piece.text == "> she said\n> > he said"


# Splitting ----------------------------------------------------------------------------------------------------------------

text = st.text(alphabet=st.sampled_from("ab &<>`~\n[]()#*_.\u200b🙂"), max_size=3000)


@given(text, st.integers(min_value=100, max_value=800))
def test_no_message_is_too_long_and_every_fence_is_closed(written: str, limit: int) -> None:
    made = split_messages(safe_markdown(written), limit)
    assert all(len(message) <= limit for message in made)
    for message in made:
        assert len(re.findall(r"^```", message, re.MULTILINE)) % 2 == 0


@given(st.lists(st.text(alphabet="abcdefg ", min_size=1, max_size=60).filter(str.strip), max_size=80))
def test_no_word_of_a_text_is_lost_or_moved(lines: list[str]) -> None:
    whole = "\n".join(lines)
    made = split_messages(safe_markdown(whole), 120)
    assert " ".join(" ".join(made).split()) == " ".join(whole.split())


def test_a_long_block_of_code_continues_in_the_next_message() -> None:
    code = "\n".join(f"    line_{number} = {number}" for number in range(2000))
    made = split_messages(safe_markdown(f"```python\n{code}\n```"))
    assert all(
        message.startswith("```python\n    line_") and message.endswith("\n```") and len(message) <= MAX_BLOCK for message in made
    )
    assert "\n".join(message.removeprefix("```python\n").removesuffix("\n```") for message in made) == code
