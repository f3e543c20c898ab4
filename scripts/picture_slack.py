# ruff: noqa: INP001 - a script, not a module of a package
"""Makes docs/pictures/slack.png: a run, a question, the model picker and App Home as they look on phones.

    .venv/bin/python scripts/picture_slack.py [FOLDER]

It is a drawing, not a photograph: the payloads are those that the adapter sends, made by its own functions, and a page in Slack's
look shows them, which headless Chromium photographs. With FOLDER the page and the picture are put there instead.
"""

from __future__ import annotations

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

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from adapters.slack.app_home import home_view  # noqa: E402
from adapters.slack.modals import ModalMetadata, model_modal, model_options  # noqa: E402
from adapters.slack.render import (  # noqa: E402 - the path comes first
    render_final_answer,
    render_question_card,
    render_run_card,
)
from orchestrator_bridge.chat.adapter import ModelOption  # noqa: E402
from orchestrator_bridge.chat.outbound import (  # noqa: E402
    Author,
    CardAgent,
    CardOption,
    FinalAnswer,
    Link,
    Place,
    PrivateReply,
    QuestionCard,
    RunCard,
    Table,
)

PICTURE = ROOT / "docs" / "pictures" / "slack.png"
WIDTH, HEIGHT, PHONES = 375, 820, 4
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
    context="The move takes about 20 minutes in which nothing can be written. Everything else is ready.",
    answer_kind="choice",
    options=(
        CardOption(id="sun", label="Sunday 03:00", description="hardly anybody is there", recommended=True),
        CardOption(id="fri", label="Friday after the release", description="the whole team is there"),
        CardOption(id="never", label="Never", description="two databases side by side for a week"),
    ),
    mentions=(Author(platform="slack", id="U1ANA", name="ana"),),
    asked="ana",
    expires_at=1_795_357_820.0,
    silence="Without an answer, planner takes the recommended option: Sunday 03:00.",
    task="Plan our move to PostgreSQL",
)
PLACE = Place(platform="slack", channel="C1PLATFORM")
HOME = PrivateReply(
    text="1 question waits for you.",
    place=PLACE,
    tables=(
        Table(
            title="Waiting for you",
            columns=("question", "asked by", "what"),
            rows=tuple((Link(text="…", place=PLACE, message="1.1"), item.agent, item.text) for item in (ASKED,)),
            cards=(ASKED,),
        ),
        Table(
            title="Your runs",
            columns=("run", "", "", ""),
            rows=((Link(text="Run 12", place=PLACE, message="1.1"), "waiting for people", "$0.0412", RUN.task),),
        ),
        Table(
            title="Models of team house",
            columns=("agent", "", ""),
            rows=tuple((agent.name, agent.model, "$1.25 / $0.20 / $2.50, 1M") for agent in RUN.agents),
        ),
    ),
)
ANSWER = FinalAnswer(
    run=11,
    text="Keep the export for **one month**, then switch it off:\n\n- nobody has called it since May,\n- the new one has it all.",
    how="2 of 3 voted for this answer; ana was asked once.",
    by="skeptic",
)
ENDED = replace(ASKED, question=30, text="Keep the export?", options=(), closed="Answered by ana: yes, for a month")


class Menu:
    """The model picker's choices in the picture."""

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        """Some models, found by their name."""
        found = (
            ModelOption(name="grok-4.3", about="$1.25 in, $2.50 out · 1M context", current=True),
            ModelOption(name="grok-4.1-fast", about="$1.25 in, $2.50 out", warning="retired, grok-4.3 answers"),
            ModelOption(name="grok-4.7", about="$2 in, $6 out · 500k context"),
            ModelOption(name="grok-build-0.1", about="for code", usable=False),
        )
        return [option for option in found if search in option.name]

    def teams(self, place: Place) -> Sequence[str]:
        """Two teams."""
        return ("house", "docs")

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        """One agent."""
        return ("planner",)

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        """None."""
        return ()


EMOJI = {
    "large_blue_circle": "🔵",
    "large_orange_circle": "🟠",
    "large_green_circle": "🟢",
    "large_purple_circle": "🟣",
    "large_brown_circle": "🟤",
    "red_circle": "🔴",
    "hourglass_flowing_sand": "⏳",
    "raising_hand": "🙋",
    "white_check_mark": "✅",
    "alarm_clock": "⏰",
    "warning": "⚠️",
}


# From Slack's marks to a page ---------------------------------------------------------------------------------------------


def mrkdwn(text: str) -> str:
    """Text in Slack's own markup as HTML. It is escaped already, apart from Slack's marks."""
    text = re.sub(r"<@U1ANA>", '<span class="at">@ana</span>', text)
    text = re.sub(r"<!date\^\d+\^[^|]*\|[^>]*>", "Today at 15:30 (in 28 minutes)", text)
    text = re.sub(r"<https://[^|>]*\|([^>]*)>", r'<span class="link">\1</span>', text)
    text = re.sub(r":([a-z_]+):", lambda found: EMOJI.get(found[1], found[0]), text)
    text = text.replace("\u2060", "")
    text = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<b>\1</b>", text)
    text = re.sub(r"(?<![\w_])_([^_\n]+)_(?![\w_])", r"<i>\1</i>", text)
    lines = [f'<div class="quote">{line[2:]}</div>' if line.startswith("> ") else line for line in text.split("\n")]
    return "<br>".join(lines).replace("</div><br>", "</div>").replace('<br><div class="quote">', '<div class="quote">')


def markdown(text: str) -> str:
    """A model's Markdown, as much of it as stands in the picture."""
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    lines = [f"&nbsp;• {line[2:]}" if line.startswith("- ") else line for line in text.split("\n")]
    return "<br>".join(lines)


def block(element: Mapping[str, Any]) -> str:
    """One block of a message or a form."""
    match element["type"]:
        case "section":
            return f'<div class="section">{mrkdwn(element["text"]["text"])}</div>'
        case "context":
            return f'<div class="context">{"".join(mrkdwn(part["text"]) for part in element["elements"])}</div>'
        case "markdown":
            return f'<div class="section">{markdown(element["text"])}</div>'
        case "header":
            return f'<div class="header">{html.escape(element["text"]["text"])}</div>'
        case "divider":
            return "<hr>"
        case "actions":
            return f'<div class="actions">{"".join(control(part) for part in element["elements"])}</div>'
        case "input":
            return f'<div class="label">{html.escape(element["label"]["text"])}</div>{control(element["element"])}'
        case other:
            raise ValueError(f"a block of type {other!r}; expected one that the adapter uses in cards and forms")


def control(element: Mapping[str, Any]) -> str:
    """A button, or a list that is not opened."""
    if element["type"] == "button":
        return f'<span class="button {element.get("style", "")}">{html.escape(element["text"]["text"])}</span>'
    if element["type"] == "overflow":
        return '<span class="button">⋯</span>'
    chosen = {"text": {"text": "# platform"}} if "initial_conversation" in element else element.get("initial_option")
    shown = html.escape((chosen or {"text": element["placeholder"]})["text"]["text"])
    return f'<span class="select {"" if chosen else "empty"} {element["type"]}">{shown}<span class="arrow">▾</span></span>'


def message(payload: Mapping[str, Any], at: str, replies: str) -> str:
    """A message of the bot with its thread."""
    blocks = "".join(block(entry) for entry in payload["blocks"])
    head = f'<b>Townhall</b> <span class="app">APP</span> <span class="time">{at}</span>'
    body = f'<div class="body">{head}{blocks}<div class="thread">{replies}</div></div>'
    return f'<div class="message"><div class="face">T</div>{body}</div>'


def picker(view: Mapping[str, Any], options: Sequence[Mapping[str, Any]]) -> str:
    """The form with its list opened."""
    entries = "".join(f'<div class="entry">{_entry(option)}</div>' for option in options)
    blocks = "".join(block(entry) for entry in view["blocks"][:2])
    typed = '<span class="select">grok|</span>'
    title, submit = view["title"]["text"], view["submit"]["text"]
    head = f'<div class="bar"><span>Cancel</span><b>{title}</b><span class="use">{submit}</span></div>'
    return f'{head}<div class="form">{blocks}{typed}<div class="list">{entries}</div></div>'


def home(view: Mapping[str, Any]) -> str:
    """App Home."""
    head = '<div class="bar"><b>Townhall</b></div><div class="tabs"><b>Home</b><span>Messages</span><span>About</span></div>'
    return f'{head}<div class="page">{"".join(block(entry) for entry in view["blocks"])}</div>'


def _entry(element: Mapping[str, Any]) -> str:
    name, about = html.escape(element["text"]["text"]), html.escape(element["description"]["text"])
    return f'{name}<div class="about">{about}</div>'


STYLE = """
body { margin: 0; display: flex; background: #d9d9de;
  font: 15px/1.4 "Lato", "Helvetica Neue", Arial, "DejaVu Sans", "Noto Color Emoji", sans-serif; }
.phone { width: 375px; height: 820px; background: #fff; color: #1d1c1d; box-sizing: border-box; border-left: 1px solid #bbb;
  overflow: hidden; }
.channel { background: #3f0e40; color: #fff; padding: 14px 16px; font-weight: bold; }
.message { display: flex; padding: 14px 12px 6px; }
.face { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #2c2d72; color: #fff; font-weight: bold;
  text-align: center; line-height: 36px; margin-right: 10px; }
.app { font-size: 10px; background: #e8e8e8; border-radius: 2px; padding: 1px 3px; color: #616061; }
.time, .context, .about { color: #616061; font-size: 13px; }
.section { margin-top: 6px; }
.context { margin-top: 8px; }
.quote { border-left: 4px solid #ddd; padding-left: 8px; margin: 4px 0; }
.at { background: #fdf2d0; color: #1264a3; padding: 0 2px; border-radius: 3px; }
.actions { margin-top: 8px; display: flex; flex-wrap: wrap; gap: 8px; }
.button, .select { border: 1px solid #bbb; border-radius: 4px; padding: 5px 12px;
  font-weight: bold; font-size: 14px; background: #fff; }
.button.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
.select.empty { font-weight: normal; color: #616061; }
.arrow { margin-left: 8px; }
.thread { margin-top: 10px; color: #1264a3; font-size: 13px; font-weight: bold; }
.bar { display: flex; justify-content: space-between; padding: 14px 16px; border-bottom: 1px solid #ddd; }
.use { color: #007a5a; font-weight: bold; }
.form { padding: 14px 16px; }
.form .select { display: block; font-weight: normal; margin-bottom: 6px; }
.form .arrow { float: right; }
.label { font-weight: bold; margin: 10px 0 6px; }
.link { color: #1264a3; }
.header { font-size: 18px; font-weight: bold; margin-top: 8px; }
.tabs { display: flex; gap: 22px; padding: 10px 16px; border-bottom: 1px solid #ddd; font-size: 13px; color: #616061; }
.tabs b { color: #1d1c1d; border-bottom: 2px solid #1d1c1d; }
.page { padding: 4px 16px; }
hr { border: 0; border-top: 1px solid #ddd; margin: 12px 0; }
.list { border: 1px solid #ddd; border-radius: 6px; margin-top: 4px; box-shadow: 0 2px 8px #0002; }
.entry { padding: 9px 12px; border-bottom: 1px solid #eee; }
"""


def page() -> str:
    """All phones."""
    about, menu = ModalMetadata(channel="C1"), Menu()
    form = model_modal(about, menu)
    channel = '<div class="channel"># platform</div>'
    run, ended = message(render_run_card(RUN), "15:02", "4 replies"), message(render_question_card(ENDED), "14:40", "3 replies")
    answer = message(render_final_answer(ANSWER)[0], "14:41", "")
    asked = message(render_question_card(ASKED), "15:03", "2 replies")
    mine = home(home_view(HOME, lambda link: "https://home.example", selectable=True, channel_selected=True))
    screens = (channel + ended + answer + run, channel + asked, picker(form, model_options(about, menu, "grok")), mine)
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
        written = folder / "slack.html"
        written.write_text(page(), encoding="utf-8")
        photograph(written, folder / "slack.png" if len(sys.argv) > 1 else PICTURE)


if __name__ == "__main__":
    main()
