"""Hears clicks and forms. A form is opened from memory, as the first response; all else is acknowledged, stored and answered."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import discord

from adapters.discord.channels import PLATFORM, channel_place, to_author
from adapters.discord.components import DiscordControl, answer_modal, delegate_components, extension_components, parse_control
from adapters.discord.errors import bounded_attempt
from adapters.discord.render import DiscordMessage
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlAction, ControlUsed, InboundHandler, Place
from orchestrator_bridge.chat.outbound import Confirmation
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.lru_map import LruMap

# Answers to commands and clicks. Each is acknowledged at once, before anything is looked up or stored; the words come later.
#
# The acknowledgement is a line that only the person sees and that the words replace, so that a lost reply of Discord's cannot
# double them. Discord takes words for 15 minutes; after that they go as a direct message.


_LOG = logging.getLogger(__name__)

TOKEN_LIFETIME = 870.0
"""Seconds for which an interaction's words can be changed, with some to spare."""
REMEMBERED = 2000


class InteractionResponses:
    """The interactions that wait for words, by their ids, and what was offered to be confirmed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: LruMap[str, discord.Interaction[Any]] = LruMap(REMEMBERED)
        self._answered: LruMap[str, bool] = LruMap(REMEMBERED)
        self._confirmations: LruMap[str, Confirmation] = LruMap(REMEMBERED)

    async def acknowledge(self, interaction: discord.Interaction[Any]) -> None:
        """Tell Discord and the person that it was heard; a failure costs the words, not the deed."""
        self._open.put(str(interaction.id), interaction)
        try:
            async with bounded_attempt():
                await interaction.response.defer(ephemeral=True, thinking=True)
        except Exception as failure:
            _LOG.warning("interaction %s could not be acknowledged: %s", interaction.id, failure)

    async def respond(self, interaction: str, shown: DiscordMessage) -> bool:
        """Say something to whoever waits; False if nobody does any more.

        Raises:
            Unsent, Doubtful, Rejected: it could not be said.
        """
        waiting = self._open.get(interaction)
        if waiting is None or self._clock.now() - waiting.created_at.timestamp() > TOKEN_LIFETIME:
            return False
        async with bounded_attempt():
            if self._answered.get(interaction):
                await waiting.followup.send(
                    shown.content,
                    embeds=list(shown.embeds),
                    view=shown.view(),
                    ephemeral=True,
                    allowed_mentions=shown.allowed_mentions,
                )
            else:
                await waiting.edit_original_response(
                    content=shown.content or None,
                    embeds=list(shown.embeds),
                    view=shown.view(),
                    allowed_mentions=shown.allowed_mentions,
                )
        self._answered.put(interaction, True)
        return True

    async def finish(self, interaction: str, text: str) -> None:
        """The last word where nobody said any: nobody is left looking at a line that promises one."""
        if self._answered.get(interaction):
            return
        waiting = self._open.get(interaction)
        if waiting is None:
            return
        try:
            async with bounded_attempt():
                await waiting.edit_original_response(content=text)
        except Exception as failure:
            _LOG.warning("interaction %s could not be answered: %s", interaction, failure)

    def store_confirmation(self, interaction: str, confirm: Confirmation) -> None:
        """Remember what a yes to this command's word would mean."""
        self._confirmations.put(interaction, confirm)

    def take_confirmation(self, interaction: str) -> Confirmation | None:
        """What a yes means; once."""
        return self._confirmations.pop(interaction)


NOT_STORED = "This could not be stored just now: please do it again in a minute."
OFFER_EXPIRED = "This offer is over: please give the command again."

PEOPLE_ONLY = "Only people can be asked, and that is a bot. Choose somebody else."

_ACTIONS: dict[str, ControlAction] = {
    "option": "option",
    "pick": "option",
    "pass": "pass",
    "hand": "pass",
    "longer": "more",
    "form": "write",
}


class DiscordInteractionHandler:
    """Takes what is clicked to the bridge."""

    def __init__(self, responses: InteractionResponses) -> None:
        self._responses = responses

    async def handle(self, interaction: discord.Interaction[Any], on_event: InboundHandler) -> None:
        """Take one click or form. What is none of ours is left alone."""
        data: dict[str, Any] = dict(interaction.data or {})
        control = parse_control(str(data.get("custom_id", "")))
        if control is None:
            return
        match control.kind:
            case "write":
                await self._respond(interaction.response.send_modal(answer_modal(control.number, _question_text(interaction))))
            case "more":
                await self._show_followup(
                    interaction, DiscordMessage(content="How much longer?", controls=extension_components(control.number))
                )
            case "leave":
                await self._show_followup(
                    interaction,
                    DiscordMessage(content="Who is to be asked instead?", controls=delegate_components(control.number)),
                )
            case "hand" if _selected_person(data) is None:
                await self._show_followup(interaction, DiscordMessage(content=PEOPLE_ONLY))
            case "look" | "close":
                await self._deliver_control(
                    interaction, confirmed_command(interaction, _control_command(control, data)), on_event
                )
            case "yes":
                await self._deliver_confirmed(interaction, control, on_event)
            case _:
                await self._deliver_control(interaction, to_control_used(interaction, control, data), on_event)

    async def _show_followup(self, interaction: discord.Interaction[Any], shown: DiscordMessage) -> None:
        """Ask further, privately and from memory."""
        await self._respond(interaction.response.send_message(shown.content, view=shown.view(), ephemeral=True))

    async def _deliver_control(
        self, interaction: discord.Interaction[Any], event: ControlUsed | CommandReceived, on_event: InboundHandler
    ) -> None:
        """Acknowledge while it is being stored: neither waits for the other."""
        acknowledging = asyncio.create_task(self._responses.acknowledge(interaction))
        try:
            await on_event(event)
        except Exception:
            _LOG.exception("%s could not be stored", event.key)
            await acknowledging
            await self._responses.finish(str(interaction.id), NOT_STORED)
        finally:
            await acknowledging

    async def _deliver_confirmed(
        self, interaction: discord.Interaction[Any], control: DiscordControl, on_event: InboundHandler
    ) -> None:
        offer = self._responses.take_confirmation(str(control.number))
        if offer is None:
            await self._show_followup(interaction, DiscordMessage(content=OFFER_EXPIRED))
            return
        await self._deliver_control(interaction, confirmed_command(interaction, offer), on_event)

    async def _respond(self, response: Any) -> None:
        try:
            async with bounded_attempt():
                await response
        except Exception as failure:
            _LOG.warning("a click could not be answered: %s", failure)


def confirmed_command(interaction: discord.Interaction[Any], meant: Confirmation) -> CommandReceived:
    """The command that a control stands for."""
    return CommandReceived(
        place=_channel(interaction),
        interaction=str(interaction.id),
        author=to_author(interaction.user),
        name=meant.name,
        text=meant.text,
        at=interaction.created_at.timestamp(),
        options=meant.options,
    )


def _control_command(control: DiscordControl, data: dict[str, Any]) -> Confirmation:
    """To look at a question that was picked from a list, or to close one."""
    text = _selected_value(data) if control.kind == "look" else f"{control.number} cancel"
    return Confirmation(label="", name="questions", text=text)


def to_control_used(interaction: discord.Interaction[Any], control: DiscordControl, data: dict[str, Any]) -> ControlUsed:
    """A click or a form as the bridge takes it."""
    return ControlUsed(
        place=_channel(interaction),
        interaction=str(interaction.id),
        question=control.number,
        press=_ACTIONS[control.kind],
        author=to_author(interaction.user),
        at=interaction.created_at.timestamp(),
        value=_value(control, data),
        to=_selected_person(data) if control.kind == "hand" else None,
    )


def _value(control: DiscordControl, data: dict[str, Any]) -> str:
    match control.kind:
        case "pick" | "hand":
            return _selected_value(data)
        case "form":
            return _modal_text(data.get("components") or [])
        case _:
            return control.value


def _selected_value(data: dict[str, Any]) -> str:
    """What was picked from a list."""
    return str((data.get("values") or [""])[0])


def _selected_person(data: dict[str, Any]) -> Author | None:
    """The person who was picked, as Discord says along with the click; None for a bot."""
    id_, resolved = _selected_value(data), data.get("resolved") or {}
    user, member = (dict(resolved.get(kind, {}).get(id_) or {}) for kind in ("users", "members"))
    if user.get("bot"):
        return None
    name = member.get("nick") or user.get("global_name") or user.get("username") or id_
    return Author(platform=PLATFORM, id=id_, name=str(name))


def _modal_text(components: list[dict[str, Any]]) -> str:
    """What stands in a form's one field, however the client nests it."""
    for component in components:
        if "value" in component:
            return str(component["value"])
        inner = component.get("components") or ([component["component"]] if "component" in component else [])
        if found := _modal_text(inner):
            return found
    return ""


def _question_text(interaction: discord.Interaction[Any]) -> str:
    """The question's sentence, from the message that came with the click."""
    content = interaction.message.content if interaction.message else ""
    return content.partition(": ")[2] or "In your own words"


def _channel(interaction: discord.Interaction[Any]) -> Place:
    channel: Any = interaction.channel
    return channel_place(channel, interaction.user.id)
