"""Buttons, selects and modals: acknowledged, delivered to the bridge, and answered privately.

Discord drops an interaction that has no response within 3 seconds. A modal must be the first response itself, so it is built from
memory and sent before anything is looked up or stored. Every other interaction is stored, then acknowledged with a placeholder
that only the person sees. If storing takes longer than `ACKNOWLEDGE_WITHIN`, the placeholder says that nothing is stored yet.
The answer replaces the placeholder, so that a lost response to our request cannot show the answer twice. Discord accepts answers
for 15 minutes; later ones are sent as direct messages.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, assert_never

import discord

from adapters.discord.channels import PLATFORM, channel_place, to_author
from adapters.discord.components import DiscordControl, answer_modal, delegate_components, extension_components, parse_control
from adapters.discord.errors import bounded_attempt
from adapters.discord.render import DiscordMessage
from orchestrator_bridge.chat.inbound import (
    Author,
    CommandReceived,
    ControlAction,
    ControlUsed,
    InboundEvent,
    InboundHandler,
    Place,
)
from orchestrator_bridge.chat.outbound import Confirmation
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

TOKEN_LIFETIME = 870.0
"""Seconds for which an interaction can be answered: 15 minutes, less a margin."""

REMEMBERED = 2000

ACKNOWLEDGE_WITHIN = 2.0
"""Seconds after which an interaction is acknowledged even if it is not stored yet: Discord drops it after 3."""

NOT_STORED_YET = "Received, but not stored yet. If it cannot be stored, this message tells you."
STORED = "Received and stored."
NOT_STORED = "I could not store this. Please try again in a minute."
OFFER_EXPIRED = "This offer has expired. Please give the command again."
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


class _OpenInteraction:
    """An interaction that can be answered once it is acknowledged."""

    def __init__(self, interaction: discord.Interaction[Any]) -> None:
        self.interaction = interaction
        self.acknowledged = asyncio.Event()


class InteractionResponses:
    """Interactions that wait for an answer, by id, and the commands that wait for a confirmation.

    `acknowledge_within` is in seconds, as `ACKNOWLEDGE_WITHIN`.
    """

    def __init__(self, clock: Clock, acknowledge_within: float = ACKNOWLEDGE_WITHIN) -> None:
        self._clock = clock
        self._acknowledge_within = acknowledge_within
        self._open: LruMap[str, _OpenInteraction] = LruMap(REMEMBERED)
        self._answered: LruMap[str, bool] = LruMap(REMEMBERED)
        self._confirmations: LruMap[str, Confirmation] = LruMap(REMEMBERED)

    async def store(
        self, interaction: discord.Interaction[Any], event: InboundEvent, on_event: InboundHandler, last: str | None = None
    ) -> bool:
        """Store the event of an interaction, then acknowledge the interaction; False if the event could not be stored.

        `last` is shown if the bridge gives no answer.
        """
        key = str(interaction.id)
        opened = _OpenInteraction(interaction)
        self._open.put(key, opened)
        storing = asyncio.ensure_future(on_event(event))
        in_time, _ = await asyncio.wait([storing], timeout=self._acknowledge_within)
        await self._acknowledge(opened, None if in_time else NOT_STORED_YET)
        try:
            await storing
        except Exception:
            _LOG.exception("interaction %s could not be stored", event.key)
            last, stored = NOT_STORED, False
        else:
            last, stored = last or (None if in_time else STORED), True
        if last is not None:
            await self.finish(key, last)
        return stored

    async def refuse(self, interaction: discord.Interaction[Any], text: str) -> None:
        """Acknowledge an interaction that is not stored, with the reason."""
        await self._acknowledge(_OpenInteraction(interaction), text)

    async def _acknowledge(self, opened: _OpenInteraction, text: str | None) -> None:
        """Acknowledge an interaction. If that fails, only the answer is lost; the action still takes effect."""
        response = opened.interaction.response
        try:
            async with bounded_attempt():
                if text is None:
                    await response.defer(ephemeral=True, thinking=True)
                else:
                    await response.send_message(text, ephemeral=True)
        except Exception as failure:
            _LOG.warning("interaction %s could not be acknowledged: %s", opened.interaction.id, failure)
        finally:
            opened.acknowledged.set()

    async def respond(self, interaction: str, shown: DiscordMessage) -> bool:
        """Answer an interaction; False if it is no longer open.

        Raises:
            NotSent, SendUncertain, SendRejected: the answer was not delivered.
        """
        opened = self._open.get(interaction)
        if opened is None or self._clock.now() - opened.interaction.created_at.timestamp() > TOKEN_LIFETIME:
            return False
        await opened.acknowledged.wait()
        waiting = opened.interaction
        async with bounded_attempt():
            # The first answer replaces the placeholder; further ones are messages of their own.
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
        """Replace the placeholder of an interaction that nobody has answered."""
        if self._answered.get(interaction):
            return
        opened = self._open.get(interaction)
        if opened is None:
            return
        try:
            async with bounded_attempt():
                await opened.interaction.edit_original_response(content=text)
        except Exception as failure:
            _LOG.warning("interaction %s could not be answered: %s", interaction, failure)

    def store_confirmation(self, interaction: str, confirm: Confirmation) -> None:
        """Store the command that confirming this interaction gives."""
        self._confirmations.put(interaction, confirm)

    def take_confirmation(self, interaction: str) -> Confirmation | None:
        """The command to give; None if it was given already."""
        return self._confirmations.pop(interaction)


class DiscordInteractionHandler:
    """Delivers interactions with components and modals to the bridge."""

    def __init__(self, responses: InteractionResponses) -> None:
        self._responses = responses

    async def handle(self, interaction: discord.Interaction[Any], on_event: InboundHandler) -> None:
        """Handle one interaction. Components of other origin are ignored."""
        data: dict[str, Any] = dict(interaction.data or {})
        control = parse_control(str(data.get("custom_id", "")))
        if control is not None:
            await self._handle_control(interaction, control, data, on_event)

    async def _handle_control(
        self, interaction: discord.Interaction[Any], control: DiscordControl, data: dict[str, Any], on_event: InboundHandler
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
            case "view" | "cancel":
                text = _selected_value(data) if control.kind == "view" else f"{control.number} cancel"
                command = Confirmation(label="", name="questions", text=text)
                await self._responses.store(interaction, confirmed_command(interaction, command), on_event)
            case "confirm":
                await self._deliver_confirmed(interaction, control, on_event)
            case "option" | "select" | "pass" | "delegate" | "extend" | "answer":
                await self._responses.store(interaction, to_control_used(interaction, control, data), on_event)
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
        offer = self._responses.take_confirmation(str(control.number))
        if offer is None:
            await self._ask_further(interaction, OFFER_EXPIRED)
        elif not await self._responses.store(interaction, confirmed_command(interaction, offer), on_event):
            self._responses.store_confirmation(str(control.number), offer)  # the person is asked to try again

    async def _respond(self, response: Any) -> None:
        try:
            async with bounded_attempt():
                await response
        except Exception as failure:
            _LOG.warning("an interaction could not be answered: %s", failure)


def confirmed_command(interaction: discord.Interaction[Any], command: Confirmation) -> CommandReceived:
    """The command that a control stands for."""
    return CommandReceived(
        place=_channel(interaction),
        interaction=str(interaction.id),
        author=to_author(interaction.user),
        name=command.name,
        text=command.text,
        at=interaction.created_at.timestamp(),
        options=command.options,
    )


def to_control_used(interaction: discord.Interaction[Any], control: DiscordControl, data: dict[str, Any]) -> ControlUsed:
    """A component or a submitted modal as `ControlUsed`."""
    return ControlUsed(
        place=_channel(interaction),
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
    content = interaction.message.content if interaction.message else ""
    return content.partition(": ")[2] or "Answer in your own words"


def _channel(interaction: discord.Interaction[Any]) -> Place:
    channel: Any = interaction.channel
    return channel_place(channel, interaction.user.id)
