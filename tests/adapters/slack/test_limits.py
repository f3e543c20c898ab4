"""The longest possible lists and pages are still valid on Slack, and say what they leave out."""

from __future__ import annotations

from dataclasses import replace

from adapters.slack.app_home import home_view
from adapters.slack.render import render_private_reply
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import CardOption, Link, PrivateReply, QuestionCard, Table
from orchestrator_bridge.chat.testing import question
from tests.support.fake_slack.limits import wrong_in_message, wrong_in_view

HERE = Place(platform="slack", channel="C1GENERAL")
ADDRESS = "https://home.slack.example/archives/C1GENERAL/p1"


def full(number: int) -> QuestionCard:
    """A question with everything that a question can have."""
    options = tuple(CardOption(id=f"{at:040}", label="l" * 75, description="d" * 300, recommended=at == 1) for at in range(10))
    return replace(question(number), text="q" * 500, options=options, task="t" * 50_000, silence="s" * 600, agent="a" * 32)


def listed(count: int) -> Table:
    cards = tuple(full(number) for number in range(1, count + 1))
    rows = tuple((Link(text=str(card.question), place=HERE, message="1.1"), card.agent, card.text) for card in cards)
    return Table(title="Open questions", columns=("question", "by", "what"), rows=rows, cards=cards)


def test_a_list_of_many_questions_is_valid_and_names_every_one() -> None:
    message = render_private_reply(PrivateReply(text="Answer here.", tables=(listed(15),)), lambda _: ADDRESS)
    assert wrong_in_message(message) == []
    shown = str(message["blocks"])
    assert all(f"question/{number}/" in shown or f"<{ADDRESS}|{number}>" in shown for number in range(1, 16))


def test_a_full_app_home_is_valid_and_ends_with_its_models() -> None:
    runs = Table(title="Your runs", columns=("run", ""), rows=tuple((f"Run {number}", "t" * 80) for number in range(10)))
    models = Table(title="Models", columns=("agent", ""), rows=tuple(("a" * 32, "m" * 200) for _ in range(16)))
    word = PrivateReply(text="10 questions wait for you.", tables=(listed(10), runs, models), place=HERE)
    view = home_view(word, lambda _: ADDRESS, selectable=True, result=PrivateReply(text="w" * 5000))
    assert wrong_in_view(view) == []
    assert "form/model" in str(view["blocks"])
    shown = str(view["blocks"])
    assert all(f"question/{number}/" in shown or f"<{ADDRESS}|{number}>" in shown for number in range(1, 11))
