# ruff: noqa: INP001 - a script, not a module of a package
"""Makes docs/pictures/discord.png: a run, a question and the model picker as they look on phones.

    .venv/bin/python scripts/picture_discord.py [FOLDER]

It is a drawing, not a photograph: the payloads are those that the adapter sends, made by its own functions, and a page in
Discord's look shows them, which headless Chromium photographs. With FOLDER the page and the picture are put there instead.
"""

from __future__ import annotations

import asyncio
import html
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from adapters.discord.commands import Choice, model_choices  # noqa: E402 - the path comes first
from adapters.discord.containers import card_container  # noqa: E402
from adapters.discord.render import (  # noqa: E402
    DiscordMessage,
    render_question_card,
    render_run_card,
)
from orchestrator_bridge.chat.adapter import ModelOption  # noqa: E402
from orchestrator_bridge.chat.inbound import Author  # noqa: E402
from orchestrator_bridge.chat.outbound import CardAgent, CardOption, QuestionCard, RunCard  # noqa: E402

PICTURE = ROOT / "docs" / "pictures" / "discord.png"
WIDTH, HEIGHT, PHONES = 375, 720, 3
"""Pixels of one phone, and how many stand side by side."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")

RUN = RunCard(
    run=12,
    task="Plan our move to PostgreSQL",
    team="house",
    agents=(
        CardAgent(name="planner", model="grok-4.3", state="waits for a reply"),
        CardAgent(name="skeptic", model="gpt-5-mini", state="answered"),
        CardAgent(name="operator", model="grok-4.3", state="thinking"),
    ),
    status="working, question 31 open",
    cost="$0.0412",
    tokens=18_204,
)
ASKED = QuestionCard(
    question=31,
    run=12,
    agent="planner",
    text="When may the database be down?",
    context="The move takes about **20 minutes** in which nothing can be written. Everything else is ready.",
    answer_kind="choice",
    options=(
        CardOption(id="sun", label="Sunday 03:00", description="hardly anybody is there", recommended=True),
        CardOption(id="fri", label="Friday after the release", description="the whole team is there"),
        CardOption(id="never", label="Never", description="two databases side by side for a week"),
    ),
    mentions=(Author(platform="discord", id="42", name="Ana"),),
    asked="Ana",
    expires_at=1_795_357_800.0,
    silence="Without an answer, planner takes the recommended option: Sunday 03:00.",
    task="Plan our move to PostgreSQL",
)
ENDED = replace(
    ASKED, question=30, text="Keep the old export?", context="", options=(), closed="Answered by Ana: yes, for a month"
)
MODELS = (
    ModelOption(name="grok-4.3", about="$1.25 in, $2.50 out · 1M context", current=True),
    ModelOption(name="grok-4.1-fast", about="$1.25 in, $2.50 out", warning="retired, grok-4.3 answers"),
    ModelOption(name="grok-4.7", about="$2 in, $6 out · 500k context"),
    ModelOption(name="grok-build-0.1", about="for code", usable=False),
)


# From Discord's payloads to a page ------------------------------------------------------------------------------------------


def markdown(text: str) -> str:
    """Discord's Markdown, as far as the adapter writes it, as HTML."""
    kept: list[str] = []
    text = re.sub(r"\\([\\`*_~|>#\-\[\]().])", lambda found: kept.append(found[1]) or f"\0{len(kept) - 1}\0", text)
    text = html.escape(text).replace("&lt;@42&gt;", '<span class="at">@Ana</span>')
    text = re.sub(r"&lt;t:\d+:R&gt;", '<span class="time-mark">in 28 minutes</span>', text)
    text = re.sub(r"&lt;t:\d+:t&gt;", '<span class="time-mark">15:30</span>', text)
    text = re.sub(r"\*\*([^*\n]+)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"(?<!\*)\*([^*\n]+)\*(?!\*)", r"<i>\1</i>", text)
    text = re.sub(r"^-# (.*)$", r'<span class="small">\1</span>', text, flags=re.MULTILINE)
    text = re.sub(r"\0(\d+)\0", lambda found: html.escape(kept[int(found[1])]), text)
    return text.replace("\u200b", "").replace("\n", "<br>")


def container(part: Mapping[str, Any]) -> str:
    """A card: what stands in a container of components, from top to bottom."""
    colour = f"#{part.get('accent_color') or 0x202225:06x}"
    return f'<div class="container" style="border-color:{colour}">{"".join(map(component, part["components"]))}</div>'


def component(part: Mapping[str, Any]) -> str:
    """A text, a line or a row of buttons in a card."""
    match discord.ComponentType(part["type"]):
        case discord.ComponentType.text_display:
            return f'<div class="text">{markdown(part["content"])}</div>'
        case discord.ComponentType.separator:
            return '<div class="line"></div>'
        case _:
            return f'<div class="row">{"".join(map(control, part["components"]))}</div>'


def control(part: Mapping[str, Any]) -> str:
    """A button."""
    style = {1: "primary", 2: "secondary"}[part["style"]]
    return f'<span class="button {style}">{html.escape(part["label"])}</span>'


def message(shown: DiscordMessage, at: str, thread: str) -> str:
    """A message of the bot with its thread."""
    cards = "".join(container(dict(part.to_component_dict())) for part in card_container(shown).children)
    called = " called" if '<span class="at">' in markdown(shown.content) else ""
    head = f'<b class="who">Townhall</b><span class="app">APP</span><span class="at-time">Today at {at}</span>'
    body = f'<div class="body">{head}{cards}<div class="thread">{thread}</div></div>'
    return f'<div class="message{called}"><div class="face">T</div>{body}</div>'


def picker(choices: Sequence[Choice]) -> str:
    """Screen of a phone while a person types into the command's field."""
    entries = "".join(f'<div class="entry">{html.escape(choice.name)}</div>' for choice in choices)
    typed = '<div class="typed"><b>/model</b> <span class="slot">model: grok<span class="caret">|</span></span></div>'
    keys = "".join(f'<div class="keys">{"".join(f"<span>{key}</span>" for key in row)}</div>' for row in KEYBOARD)
    found = f'<div class="list"><div class="name">MODEL</div>{entries}</div>'
    return f'<div class="low">{found}{typed}<div class="board">{keys}</div></div>'


KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

STYLE = """
body { margin: 0; display: flex; background: #111214; font: 15px/1.35 "gg sans", "Noto Sans", "Helvetica Neue", Arial,
  "DejaVu Sans", sans-serif; }
.phone { width: 375px; height: 720px; background: #313338; color: #dbdee1; box-sizing: border-box; border-left: 1px solid #111214;
  overflow: hidden; position: relative; }
.channel { background: #2b2d31; color: #f2f3f5; padding: 14px 16px; font-weight: bold; border-bottom: 1px solid #1f2023; }
.message { display: flex; padding: 12px 12px 6px; }
.called { background: #444037; border-left: 2px solid #f0b232; }
.face { flex: none; width: 38px; height: 38px; border-radius: 50%; background: #5865f2; color: #fff; font-weight: bold;
  text-align: center; line-height: 38px; margin-right: 12px; }
.body { min-width: 0; flex: 1; }
.who { color: #fff; }
.app { font-size: 10px; background: #5865f2; color: #fff; border-radius: 3px; padding: 1px 4px; margin: 0 6px; }
.at-time, .small { color: #949ba4; font-size: 12px; }
.at { background: #414675; color: #c9cdfb; padding: 0 2px; border-radius: 3px; }
.time-mark { background: #3f4147; border-radius: 3px; padding: 0 2px; }
.container { background: #2b2d31; border-left: 4px solid; border-radius: 8px; padding: 10px 12px; margin-top: 6px;
  font-size: 14px; }
.text + .text { margin-top: 8px; }
.row + .text { margin-top: 10px; }
.line { border-top: 1px solid #3f4147; margin: 8px 0; }
.name { color: #f2f3f5; font-weight: bold; font-size: 13px; }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
.button { border-radius: 4px; padding: 7px 12px; font-size: 14px; color: #fff; }
.primary { background: #5865f2; }
.secondary { background: #4e5058; }
.thread { margin-top: 8px; color: #00a8fc; font-size: 13px; font-weight: bold; }
.low { position: absolute; bottom: 0; width: 100%; background: #2b2d31; }
.list { padding: 10px 0 4px; }
.list .name { padding: 0 16px 6px; color: #949ba4; }
.entry { padding: 9px 16px; border-top: 1px solid #3f4147; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.typed { background: #383a40; padding: 12px 16px; }
.slot { border: 1px solid #5865f2; border-radius: 4px; padding: 2px 6px; }
.caret { color: #5865f2; }
.board { background: #1e1f22; padding: 10px 4px 22px; }
.keys { display: flex; justify-content: center; gap: 5px; margin-top: 8px; }
.keys span { background: #4e5058; border-radius: 4px; width: 29px; text-align: center; padding: 9px 0; }
"""


async def page() -> str:
    """All three phones."""
    channel = '<div class="channel"># platform</div>'
    run = message(render_run_card(RUN, "run:12:card"), "15:02", "Run 12: Plan our move to PostgreSQL · 4 messages ›")
    ended = message(render_question_card(ENDED, "question:30:card"), "15:02", "Question 30: Keep the old export? · 3 messages ›")
    asked = message(
        render_question_card(ASKED, "question:31:card"), "15:03", "Question 31: When may the database … · 2 messages ›"
    )
    screens = (channel + run + ended, channel + asked, channel + picker(model_choices(MODELS)))
    phones = "".join(f'<div class="phone">{screen}</div>' for screen in screens)
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>{phones}'


def photograph(written: Path, picture: Path) -> None:
    """Let Chromium show the page and keep what it shows."""
    browser = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"no browser found; expected one of {', '.join(CHROMIUM)}: install Chromium")
    size = f"--window-size={WIDTH * PHONES},{HEIGHT}"
    asked = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size, f"--screenshot={picture}"]
    subprocess.run([*asked, written.as_uri()], check=True, capture_output=True)


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        written = folder / "discord.html"
        written.write_text(asyncio.run(page()), encoding="utf-8")
        photograph(written, folder / "discord.png" if len(sys.argv) > 1 else PICTURE)


if __name__ == "__main__":
    main()
