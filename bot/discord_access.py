"""How the settings say to reach Discord."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.discord.addresses import DiscordEndpoints
    from bot.settings import Settings


def discord_endpoints(settings: Settings) -> DiscordEndpoints:
    """The addresses of the settings; Discord's own where they are unset."""
    from adapters.discord.addresses import DiscordEndpoints

    return DiscordEndpoints(api=settings.discord_api_url, gateway=settings.discord_gateway_url)
