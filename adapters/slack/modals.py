"""Forms (Slack calls them modals): a task, a model, an answer in one's own words. Built from memory, read when they come back.

What a form is about goes along in its `private_metadata`, so that nothing has to be remembered between the two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from adapters.slack.blocks import OPTIONS, TITLE, Block, channels, label, option, section, select, small
from adapters.slack.markdown import escape_line, escape_mrkdwn
from orchestrator_bridge.chat.adapter import Autocomplete, ModelOption
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.text import shorten

MAX_INPUT = 3000
"""Characters that a field for typing takes."""

MAX_FILES = 5
"""Files that go along with a form: what is known of them has to fit into its metadata, 3,000 characters."""

_FILE_FIELDS = ("id", "name", "mimetype", "size")

MAX_VALUE = 150
"""Characters of the value of one entry of a list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModalMetadata:
    """What a form is about. An empty `channel`: the form asks for it. `scope` is what a model is picked for.

    `files` are those of the message that is asked about, as Slack tells of them. `at_home`: it was opened from App Home.
    """

    channel: str = ""
    thread: str | None = None
    question: int = 0
    scope: str = ""
    files: Sequence[Mapping[str, Any]] = ()
    at_home: bool = False

    def place(self, platform: str) -> Place:
        """Where what the form leads to is to happen."""
        return Place(platform=platform, channel=self.channel, thread=self.thread)


def carried_files(files: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """What of a message's files goes along with a form: the first few, by what is needed to fetch them."""
    return [{name: shorten(str(one.get(name, "")), 100) for name in _FILE_FIELDS} for one in files[:MAX_FILES]]


def parse_metadata(view: Mapping[str, Any]) -> ModalMetadata:
    """What a form that came back is about.

    Raises:
        ValueError: it is not one of ours.
    """
    try:
        return ModalMetadata(**json.loads(str(view.get("private_metadata") or "")))
    except TypeError as error:
        raise ValueError(f"a form with {error}; expected one of ours") from error


# A task -------------------------------------------------------------------------------------------------------------------


def task_modal(about: ModalMetadata, autocomplete: Autocomplete, text: str = "") -> Block:
    """What is to be done, by which team, with which files."""
    field = {"type": "plain_text_input", "action_id": "task", "multiline": True, "max_length": MAX_INPUT}
    shown = field | ({"initial_value": shorten(text, MAX_INPUT - 50)} if text else {})
    blocks = [_input("task", "What is to be done?", shown)]
    place = about.place("slack")
    teams = list(autocomplete.teams(place))
    if len(teams) > 1:
        choice = select("The usual team", "team", [_option(name) for name in teams])
        blocks.append(_input("team", "Team", choice, optional=True))
    if not about.channel:
        blocks.append(_input("channel", "In which channel?", channels("A channel with the bot in it", "channel")))
    files = {"type": "file_input", "action_id": "files", "max_files": MAX_FILES}
    blocks.append(_input("files", "Files that belong to it", files, optional=True))
    return _modal("ask", "Give a task", "Start", about, blocks)


# A model ------------------------------------------------------------------------------------------------------------------


def model_modal(about: ModalMetadata, autocomplete: Autocomplete) -> Block:
    """A model, found by typing any part of its name, for the channel, a team or an agent."""
    place = about.place("slack")
    scopes = [option("This channel", "channel")]
    scopes += [option(f"Team {name}", f"team:{name}") for name in autocomplete.teams(place)]
    scopes += [option(f"Agent {name}", f"agent:{name}") for name in autocomplete.agents(place)]
    chosen = next((one for one in scopes if one["value"] == about.scope), scopes[0])
    scope = select("For what?", "scope", scopes) | {"initial_option": chosen}
    found = {"type": "external_select", "action_id": "model", "min_query_length": 0, "placeholder": label("Type to search", 150)}
    now = next((one for one in autocomplete.models(place, "", scope=scope_name(about.scope), limit=OPTIONS) if one.current), None)
    blocks = [
        _input("scope", "For what?", scope) | {"dispatch_action": True},
        _input(f"model/{about.scope or 'channel'}"[:200], "Model", found | ({"initial_option": _model(now)} if now else {})),
        small(
            f"Now: *{escape_line(now.name)}* {escape_mrkdwn(now.about)}"
            if now
            else "Prices are in US dollars per million tokens."
        ),
    ]
    return _modal("model", "Pick a model", "Use it", about, blocks)


def scope_name(scope: str) -> str:
    """The name of what a model is picked for, as the menu takes it: empty for the channel."""
    return scope.partition(":")[2]


def model_options(about: ModalMetadata, autocomplete: Autocomplete, search: str) -> list[Block]:
    """Models that fit what was typed, as entries of the list."""
    found = autocomplete.models(about.place("slack"), search, scope=scope_name(about.scope), limit=OPTIONS)
    return [_model(one) for one in found if len(one.name) <= MAX_VALUE]


def _model(one: ModelOption) -> Block:
    mark = "✓ " if one.current else ("" if one.usable else "no key: ")
    about = " · ".join(filter(None, (f"⚠ {one.warning}" if one.warning else "", one.about)))
    return option(f"{mark}{one.name}", one.name, about)


# An answer ----------------------------------------------------------------------------------------------------------------


def answer_modal(about: ModalMetadata, question: str) -> Block:
    """A reply in one's own words. `question` is the text of the message whose button was pressed."""
    field = {"type": "plain_text_input", "action_id": "answer", "multiline": True, "max_length": MAX_INPUT}
    shown = [section(escape_mrkdwn(shorten(question, 1000)))] if question.strip() else []
    return _modal("answer", f"Question {about.question}", "Send", about, [*shown, _input("answer", "Your answer", field)])


# Reading ------------------------------------------------------------------------------------------------------------------


def field_value(view: Mapping[str, Any], name: str) -> str:
    """What was typed or chosen in a field; empty if nothing was."""
    field = _field(view, name)
    chosen = field.get("selected_option") or {}
    return str(field.get("value") or chosen.get("value") or field.get("selected_conversation") or "")


def modal_files(view: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The files that a form brought along."""
    files: Sequence[Mapping[str, Any]] = _field(view, "files").get("files") or ()
    return files


def _field(view: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    values: Mapping[str, Mapping[str, Any]] = (view.get("state") or {}).get("values") or {}
    return next((fields[name] for fields in values.values() if name in fields), {})


# Shapes -------------------------------------------------------------------------------------------------------------------


def _modal(callback: str, title: str, submit: str, about: ModalMetadata, blocks: Sequence[Block]) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "title": label(title, TITLE),
        "submit": label(submit, TITLE),
        "close": label("Cancel", TITLE),
        "private_metadata": json.dumps(asdict(about)),
        "blocks": list(blocks),
    }


def _input(block_id: str, name: str, element: Block, *, optional: bool = False) -> Block:
    return {"type": "input", "block_id": block_id, "label": label(name, 150), "element": element, "optional": optional}


def _option(name: str) -> Block:
    return option(name, name)
