"""Hears clicks and forms. A form is opened from memory, as the first response; all else is acknowledged, stored and answered."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import discord

from adapters.discord.answers import Answers
from adapters.discord.attempt import attempt
from adapters.discord.controls import Control, control_in, form, longer, others
from adapters.discord.places import PLATFORM, author_of, channel_place
from adapters.discord.shown import Shown
from orchestrator_bridge.chat import Author, CommandReceived, Confirmation, ControlAction, ControlUsed, InboundHandler, Place

_LOG = logging.getLogger(__name__)

NOT_STORED = "This could not be stored just now: please do it again in a minute."
LAPSED = "This offer is over: please give the command again."

PEOPLE_ONLY = "Only people can be asked, and that is a bot. Choose somebody else."

_PRESSES: dict[str, ControlAction] = {
    "option": "option",
    "pick": "option",
    "pass": "pass",
    "hand": "pass",
    "longer": "more",
    "form": "write",
}


class Presses:
    """Takes what is clicked to the bridge."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def take(self, interaction: discord.Interaction[Any], on_event: InboundHandler) -> None:
        """Take one click or form. What is none of ours is left alone."""
        data: dict[str, Any] = dict(interaction.data or {})
        control = control_in(str(data.get("custom_id", "")))
        if control is None:
            return
        match control.deed:
            case "write":
                await self._respond(interaction.response.send_modal(form(control.number, _asked(interaction))))
            case "more":
                await self._offer(interaction, Shown(content="How much longer?", controls=longer(control.number)))
            case "leave":
                await self._offer(interaction, Shown(content="Who is to be asked instead?", controls=others(control.number)))
            case "hand" if _named(data) is None:
                await self._offer(interaction, Shown(content=PEOPLE_ONLY))
            case "look" | "close":
                await self._clicked(interaction, commanded(interaction, _command(control, data)), on_event)
            case "yes":
                await self._confirmed(interaction, control, on_event)
            case _:
                await self._clicked(interaction, clicked(interaction, control, data), on_event)

    async def _offer(self, interaction: discord.Interaction[Any], shown: Shown) -> None:
        """Ask further, privately and from memory."""
        await self._respond(interaction.response.send_message(shown.content, view=shown.view(), ephemeral=True))

    async def _clicked(
        self, interaction: discord.Interaction[Any], event: ControlUsed | CommandReceived, on_event: InboundHandler
    ) -> None:
        """Acknowledge while it is being stored: neither waits for the other."""
        acknowledging = asyncio.create_task(self._answers.acknowledge(interaction))
        try:
            await on_event(event)
        except Exception:
            _LOG.exception("%s could not be stored", event.key)
            await acknowledging
            await self._answers.settle(str(interaction.id), NOT_STORED)
        finally:
            await acknowledging

    async def _confirmed(self, interaction: discord.Interaction[Any], control: Control, on_event: InboundHandler) -> None:
        offer = self._answers.accept(str(control.number))
        if offer is None:
            await self._offer(interaction, Shown(content=LAPSED))
            return
        await self._clicked(interaction, commanded(interaction, offer), on_event)

    async def _respond(self, response: Any) -> None:
        try:
            async with attempt():
                await response
        except Exception as failure:
            _LOG.warning("a click could not be answered: %s", failure)


def commanded(interaction: discord.Interaction[Any], meant: Confirmation) -> CommandReceived:
    """The command that a control stands for."""
    return CommandReceived(
        place=_channel(interaction),
        interaction=str(interaction.id),
        author=author_of(interaction.user),
        name=meant.name,
        text=meant.text,
        at=interaction.created_at.timestamp(),
        options=meant.options,
    )


def _command(control: Control, data: dict[str, Any]) -> Confirmation:
    """To look at a question that was picked from a list, or to close one."""
    text = _first(data) if control.deed == "look" else f"{control.number} cancel"
    return Confirmation(label="", name="questions", text=text)


def clicked(interaction: discord.Interaction[Any], control: Control, data: dict[str, Any]) -> ControlUsed:
    """A click or a form as the bridge takes it."""
    return ControlUsed(
        place=_channel(interaction),
        interaction=str(interaction.id),
        question=control.number,
        press=_PRESSES[control.deed],
        author=author_of(interaction.user),
        at=interaction.created_at.timestamp(),
        value=_value(control, data),
        to=_named(data) if control.deed == "hand" else None,
    )


def _value(control: Control, data: dict[str, Any]) -> str:
    match control.deed:
        case "pick" | "hand":
            return _first(data)
        case "form":
            return _words(data.get("components") or [])
        case _:
            return control.value


def _first(data: dict[str, Any]) -> str:
    """What was picked from a list."""
    return str((data.get("values") or [""])[0])


def _named(data: dict[str, Any]) -> Author | None:
    """The person who was picked, as Discord says along with the click; None for a bot."""
    id_, resolved = _first(data), data.get("resolved") or {}
    user, member = (dict(resolved.get(kind, {}).get(id_) or {}) for kind in ("users", "members"))
    if user.get("bot"):
        return None
    name = member.get("nick") or user.get("global_name") or user.get("username") or id_
    return Author(platform=PLATFORM, id=id_, name=str(name))


def _words(components: list[dict[str, Any]]) -> str:
    """What stands in a form's one field, however the client nests it."""
    for component in components:
        if "value" in component:
            return str(component["value"])
        inner = component.get("components") or ([component["component"]] if "component" in component else [])
        if found := _words(inner):
            return found
    return ""


def _asked(interaction: discord.Interaction[Any]) -> str:
    """The question's sentence, from the message that came with the click."""
    content = interaction.message.content if interaction.message else ""
    return content.partition(": ")[2] or "In your own words"


def _channel(interaction: discord.Interaction[Any]) -> Place:
    channel: Any = interaction.channel
    return channel_place(channel, interaction.user.id)
