"""What the bot may need to be allowed, why, and the link that invites it with just that."""

from __future__ import annotations

from typing import Any

import discord

from orchestrator_bridge.text import listed

PERMISSIONS = {
    "view_channel": ("View Channels", "to see the channel"),
    "send_messages": ("Send Messages", "to post runs and questions"),
    "send_messages_in_threads": ("Send Messages in Threads", "to answer in a run's thread"),
    "create_public_threads": ("Create Public Threads", "to open a thread for each run and question"),
    "read_message_history": ("Read Message History", "to hear what was said while I was away"),
    "add_reactions": ("Add Reactions", "to show that a message was heard"),
    "attach_files": ("Attach Files", "to bring very long answers as a file"),
    "embed_links": ("Embed Links", "to show cards"),
    "manage_threads": ("Manage Threads", "to work in threads that are archived or locked"),
}
"""Permission, its name in Discord's settings, and what it is for."""

RUN_PERMISSIONS = ("view_channel", "send_messages", "embed_links", "read_message_history")
"""Without these no run can be shown; without the others it is shown with less."""

OAUTH_SCOPES = ("bot", "applications.commands")


def invite_permissions() -> discord.Permissions:
    """All that the invite asks for."""
    return discord.Permissions(**dict.fromkeys(PERMISSIONS, True))


def invite_url(application: int) -> str:
    """The link that adds the bot to a server, with its permissions and commands."""
    return discord.utils.oauth_url(application, permissions=invite_permissions(), scopes=OAUTH_SCOPES)


def missing_permissions(allowed: discord.Permissions, wanted: tuple[str, ...] = tuple(PERMISSIONS)) -> tuple[str, ...]:
    """Which of these permissions are missing."""
    return tuple(name for name in wanted if not allowed.is_superset(discord.Permissions(**{name: True})))


def missing_run_permissions(interaction: discord.Interaction[Any]) -> tuple[str, ...]:
    """What keeps a run from being shown where a command was given, as Discord says along with the command."""
    return () if interaction.guild_id is None else missing_permissions(interaction.app_permissions, RUN_PERMISSIONS)


def missing_permissions_text(missing: tuple[str, ...]) -> str:
    """What is missing, for whoever can give it."""
    names = listed([f"{PERMISSIONS[name][0]} ({PERMISSIONS[name][1]})" for name in missing])
    return (
        f"I cannot work in this channel yet: I need {names}. Whoever manages the server can allow it in the channel's settings."
    )
