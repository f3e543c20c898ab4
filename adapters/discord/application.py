"""Settings of the application in Discord's developer portal that keep the bot from hearing people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import discord

PORTAL_INTENTS = "developer portal, your application, Bot, Privileged Gateway Intents"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationProblem:
    """A setting that is wrong, and its fix."""

    found: str
    fix: str


def application_problems(client: discord.Client) -> Sequence[ApplicationProblem]:
    """The settings that are wrong. The client must be logged in."""
    found = []
    application = client.application
    if application is not None and application.interactions_endpoint_url:
        # With such an address Discord sends interactions there alone, and none to the gateway
        # (docs.discord.com/developers/interactions/overview#configuring-an-interactions-endpoint-url).
        found.append(
            ApplicationProblem(
                found="an Interactions Endpoint URL is set: no command and no click reaches the bot",
                fix="remove it: developer portal, your application, General Information, Interactions Endpoint URL",
            )
        )
    flags = client.application_flags
    if not (flags.gateway_message_content or flags.gateway_message_content_limited):
        found.append(
            ApplicationProblem(
                found="Message Content is off: typed replies cannot be read, only buttons, modals and mentions of the bot",
                fix=f"switch it on: {PORTAL_INTENTS}",
            )
        )
    return found
