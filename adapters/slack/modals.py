"""Modals for a task, a model and an answer: built from memory, parsed when they are submitted.

The subject of a modal is stored in its `private_metadata`, so nothing has to be remembered between opening and submission.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from adapters.slack.blocks import OPTIONS, TITLE, Block, channels, label, option, section, select, small
from adapters.slack.markdown import escape_line, escape_mrkdwn
from adapters.slack.workspace import PLATFORM
from orchestrator_bridge.chat.adapter import Autocomplete, ModelOption
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.text import shorten

MAX_INPUT = 3000
"""Characters of a text field."""

MAX_FILES = 5
"""Files of a modal; their descriptions must fit into its metadata, 3,000 characters."""

_FILE_FIELDS = ("id", "name", "mimetype", "size")

MAX_VALUE = 150
"""Characters of the value of one entry of a select."""


CHANNEL_SCOPE = "channel"
"""Scope of a model selection for the whole channel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModalMetadata:
    """The subject of a modal. Without a `channel` the modal asks for one. `scope` is that of a model selection.

    `message` is the timestamp of the quoted message and `files` are its files, in Slack's description; `used_at` is the
    time of the shortcut. `at_home`: the modal was opened on App Home.
    """

    channel: str = ""
    thread: str | None = None
    question: int = 0
    scope: str = ""
    message: str = ""
    used_at: str = ""
    files: Sequence[Mapping[str, Any]] = ()
    at_home: bool = False

    def place(self, platform: str) -> Place:
        """The place where the result of the modal takes effect."""
        return Place(platform=platform, channel=self.channel, thread=self.thread)


def carried_files(files: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The first files of a message, reduced to what is needed to download them."""
    return [{name: shorten(str(file.get(name, "")), 100) for name in _FILE_FIELDS} for file in files[:MAX_FILES]]


def parse_metadata(view: Mapping[str, Any]) -> ModalMetadata:
    """The subject of a submitted modal.

    Raises:
        ValueError: the modal is not one of ours.
    """
    try:
        return ModalMetadata(**json.loads(str(view.get("private_metadata") or "")))
    except TypeError as error:
        raise ValueError(f"a modal with foreign metadata: {error}") from error


def task_modal(metadata: ModalMetadata, autocomplete: Autocomplete, text: str = "") -> Block:
    """The modal for a task: its text, team, channel and files. `text` is the initial text."""
    field = {"type": "plain_text_input", "action_id": "task", "multiline": True, "max_length": MAX_INPUT}
    initial = {"initial_value": shorten(text, MAX_INPUT - 50)} if text else {}
    blocks = [_input("task", "Task", field | initial)]
    teams = list(autocomplete.teams(metadata.place(PLATFORM)))
    if len(teams) > 1:
        choice = select("The channel's team", "team", [option(name, name) for name in teams])
        blocks.append(_input("team", "Team", choice, optional=True))
    # Opened on App Home, the modal has no channel to work in.
    if not metadata.channel:
        blocks.append(_input("channel", "Channel", channels("A channel that the bot is in", "channel")))
    files = {"type": "file_input", "action_id": "files", "max_files": MAX_FILES}
    blocks.append(_input("files", "Files", files, optional=True))
    return _modal("ask", "Give a task", "Start", metadata, blocks)


def model_modal(metadata: ModalMetadata, autocomplete: Autocomplete) -> Block:
    """The modal that selects a model for the channel, a team or an agent, by any part of the model's name."""
    place, scope_id = metadata.place(PLATFORM), metadata.scope or CHANNEL_SCOPE
    scopes = [option("This channel", CHANNEL_SCOPE)]
    scopes += [option(f"Team {name}", f"team:{name}") for name in autocomplete.teams(place)]
    scopes += [option(f"Agent {name}", f"agent:{name}") for name in autocomplete.agents(place)]
    selected = next((scope for scope in scopes if scope["value"] == metadata.scope), scopes[0])
    scope = select("Scope", "scope", scopes) | {"initial_option": selected}
    models = autocomplete.models(place, "", scope=scope_name(metadata.scope), limit=OPTIONS)
    current = next((model for model in models if model.current), None)
    search = {"type": "external_select", "action_id": "model", "min_query_length": 0, "placeholder": label("Type to search", 150)}
    about = "Prices are in US dollars per million tokens."
    if current is not None:
        search |= {"initial_option": _model(current)}
        about = f"Selected: *{escape_line(current.name)}* {escape_mrkdwn(current.about)}"
    blocks = [
        _input("scope", "Scope", scope) | {"dispatch_action": True},
        _input(f"model/{scope_id}"[:200], "Model", search),  # another block id, so that Slack forgets the last scope's input
        small(about),
    ]
    return _modal("model", "Select a model", "Select", metadata, blocks)


def scope_name(scope: str) -> str:
    """The name of a scope's team or agent, as `Autocomplete` takes it; empty for the channel."""
    return scope.partition(":")[2]


def model_options(metadata: ModalMetadata, autocomplete: Autocomplete, search: str) -> list[Block]:
    """The models that match a search, as entries of the select."""
    models = autocomplete.models(metadata.place(PLATFORM), search, scope=scope_name(metadata.scope), limit=OPTIONS)
    return [_model(model) for model in models if len(model.name) <= MAX_VALUE]


def _model(model: ModelOption) -> Block:
    mark = "✓ " if model.current else ("" if model.usable else "no key: ")
    about = " · ".join(filter(None, (f"⚠ {model.warning}" if model.warning else "", model.about)))
    return option(f"{mark}{model.name}", model.name, about)


def answer_modal(metadata: ModalMetadata, question: str) -> Block:
    """The modal for an answer in the person's own words. `question` is the text of the question's message."""
    field = {"type": "plain_text_input", "action_id": "answer", "multiline": True, "max_length": MAX_INPUT}
    quoted = [section(escape_mrkdwn(shorten(question, 1000)))] if question.strip() else []
    blocks = [*quoted, _input("answer", "Your answer", field)]
    return _modal("answer", f"Question {metadata.question}", "Send", metadata, blocks)


def field_value(view: Mapping[str, Any], name: str) -> str:
    """The value of a field, typed or selected; empty without one."""
    field = _field(view, name)
    selected = field.get("selected_option") or {}
    return str(field.get("value") or selected.get("value") or field.get("selected_conversation") or "")


def input_block(view: Mapping[str, Any], name: str) -> str:
    """The id of the block with a field; that of the first field if there is no such field."""
    inputs = [block for block in view.get("blocks") or () if block.get("type") == "input"]
    named = [block for block in inputs if block["element"].get("action_id") == name]
    return str((named or inputs)[0]["block_id"])


def modal_files(view: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The files that were added to a modal."""
    files: Sequence[Mapping[str, Any]] = _field(view, "files").get("files") or ()
    return files


def _field(view: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    values: Mapping[str, Mapping[str, Any]] = (view.get("state") or {}).get("values") or {}
    return next((fields[name] for fields in values.values() if name in fields), {})


def _modal(callback: str, title: str, submit: str, metadata: ModalMetadata, blocks: Sequence[Block]) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "title": label(title, TITLE),
        "submit": label(submit, TITLE),
        "close": label("Cancel", TITLE),
        "private_metadata": json.dumps(asdict(metadata)),
        "blocks": list(blocks),
    }


def _input(block_id: str, name: str, element: Block, *, optional: bool = False) -> Block:
    return {"type": "input", "block_id": block_id, "label": label(name, 150), "element": element, "optional": optional}
