"""Buttons, selects and modals: delivered to the bridge, acknowledged, and answered privately.

A modal must be the first response itself, so it is built from memory and sent before anything is looked up or stored.

All components are recognised by their custom ids. discord.py's `DynamicItem` does the same for buttons and selects, and has no
counterpart for a modal that is submitted after a restart, so the event `on_interaction` is used for all three: one path for all.
"""

from __future__ import annotations

import logging
from typing import Any, assert_never

import discord

from adapters.discord.channels import PLATFORM, interaction_place, to_author
from adapters.discord.components import DiscordControl, answer_modal, delegate_components, extension_components, parse_control
from adapters.discord.errors import bounded_attempt
from adapters.discord.posted_cards import card_sentence
from adapters.discord.render import DiscordMessage
from adapters.discord.responses import InteractionResponses
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlAction, ControlUsed, InboundHandler, Place

_LOG = logging.getLogger(__name__)

OFFER_EXPIRED = "This offer has expired. Please give the command again."
NO_CHANNEL = "Discord did not say in which channel this was, so nothing was done. Please try again."
FINISHING = "Received. The answer appears in the run's thread."
PEOPLE_ONLY = "Only people can answer, and that is a bot. Please select a person."

_ACTIONS: dict[str, ControlAction] = {
    "option": "option",
    "select": "option",
    "pass": "pass",
    "delegate": "pass",
    "extend": "more",
    "answer": "write",
}
"""The action of each control that the bridge handles."""


class DiscordInteractionHandler:
    """Delivers interactions with components and modals to the bridge."""

    def __init__(self, responses: InteractionResponses) -> None:
        self._responses = responses

    async def handle(self, interaction: discord.Interaction[Any], on_event: InboundHandler) -> None:
        """Handle one interaction. Components of other origin are ignored."""
        data: dict[str, Any] = dict(interaction.data or {})
        control = parse_control(str(data.get("custom_id", "")))
        place = interaction_place(interaction, interaction.client.user.id if interaction.client.user else 0)
        if control is not None and place is None:
            await self._ask_further(interaction, NO_CHANNEL)
        elif control is not None and place is not None:
            await self._handle_control(interaction, place, control, data, on_event)

    async def _handle_control(
        self,
        interaction: discord.Interaction[Any],
        place: Place,
        control: DiscordControl,
        data: dict[str, Any],
        on_event: InboundHandler,
    ) -> None:
        match control.kind:
            case "write":
                # A modal must be the first response, within 3 seconds. The interaction contains the question; nothing is stored.
                modal = answer_modal(control.number, _question_text(interaction))
                await self._respond(interaction.response.send_modal(modal))
            case "more_time":
                await self._ask_further(interaction, "How much more time?", extension_components(control.number))
            case "decline":
                await self._ask_further(interaction, "Who should answer instead?", delegate_components(control.number))
            case "delegate" if _selected_person(data) is None:
                await self._ask_further(interaction, PEOPLE_ONLY)
            case "view" | "cancel" | "finish" | "again":
                name, text = _command_line(control, data)
                last = FINISHING if control.kind == "finish" else None
                await self._responses.store(interaction, to_command(interaction, place, name, text), on_event, last)
            case "confirm":
                await self._deliver_confirmed(interaction, control, on_event)
            case "option" | "select" | "pass" | "delegate" | "extend" | "answer":
                await self._responses.store(interaction, to_control_used(interaction, place, control, data), on_event)
            case _:
                assert_never(control.kind)

    async def _ask_further(
        self, interaction: discord.Interaction[Any], text: str, controls: tuple[discord.ui.Item[Any], ...] = ()
    ) -> None:
        """Answer privately from memory, with further controls."""
        view = DiscordMessage(controls=controls).view()
        await self._respond(interaction.response.send_message(text, view=view, ephemeral=True))

    async def _deliver_confirmed(
        self, interaction: discord.Interaction[Any], control: DiscordControl, on_event: InboundHandler
    ) -> None:
        offered = self._responses.take_offer(control.number, control.value, interaction)
        if offered is None:
            await self._ask_further(interaction, OFFER_EXPIRED)
        elif not await self._responses.store(interaction, offered, on_event):
            self._responses.restore_offer(control.number, offered)

    async def _respond(self, response: Any) -> None:
        try:
            async with bounded_attempt():
                await response
        except Exception as failure:
            _LOG.warning("an interaction could not be answered: %s", failure)


def _command_line(control: DiscordControl, data: dict[str, Any]) -> tuple[str, str]:
    """The name and the text of the command that a control stands for."""
    if control.kind == "finish":
        return "finish", str(control.number)
    return "questions", _selected_value(data) if control.kind == "view" else f"{control.number} {control.kind}"


def to_command(interaction: discord.Interaction[Any], place: Place, name: str, text: str) -> CommandReceived:
    """The command that a control stands for."""
    return CommandReceived(
        place=place,
        interaction=str(interaction.id),
        author=to_author(interaction.user),
        name=name,
        text=text,
        at=interaction.created_at.timestamp(),
    )


def to_control_used(
    interaction: discord.Interaction[Any], place: Place, control: DiscordControl, data: dict[str, Any]
) -> ControlUsed:
    """A component or a submitted modal as `ControlUsed`."""
    return ControlUsed(
        place=place,
        interaction=str(interaction.id),
        question=control.number,
        press=_ACTIONS[control.kind],
        author=to_author(interaction.user),
        at=interaction.created_at.timestamp(),
        value=_value(control, data),
        to=_selected_person(data) if control.kind == "delegate" else None,
    )


def _value(control: DiscordControl, data: dict[str, Any]) -> str:
    match control.kind:
        case "select" | "delegate":
            return _selected_value(data)
        case "answer":
            return _modal_text(data.get("components") or [])
        case _:
            return control.value


def _selected_value(data: dict[str, Any]) -> str:
    """The first selected value."""
    return str((data.get("values") or [""])[0])


def _selected_person(data: dict[str, Any]) -> Author | None:
    """The selected person, as Discord describes the user in the interaction; None for a bot."""
    id_, resolved = _selected_value(data), data.get("resolved") or {}
    user, member = (dict(resolved.get(kind, {}).get(id_) or {}) for kind in ("users", "members"))
    if user.get("bot"):
        return None
    name = member.get("nick") or user.get("global_name") or user.get("username") or id_
    return Author(platform=PLATFORM, id=id_, name=str(name))


def _modal_text(components: list[dict[str, Any]]) -> str:
    """The text of a modal's only field, however the client nests it."""
    for component in components:
        if "value" in component:
            return str(component["value"])
        inner = component.get("components") or ([component["component"]] if "component" in component else [])
        if found := _modal_text(inner):
            return found
    return ""


def _question_text(interaction: discord.Interaction[Any]) -> str:
    """The question, from the message of the component."""
    sentence = card_sentence(interaction.message) if interaction.message else ""
    return sentence.partition(": ")[2] or "Answer in your own words"
