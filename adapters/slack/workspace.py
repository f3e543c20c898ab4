"""Who we are in which workspace, as Slack says at the start."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.api import SlackApi
from adapters.slack.errors import Unauthorised
from orchestrator_bridge.chat import Place, SendRejected


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """Our workspace and our bot in it. `scopes` is empty where Slack did not say; `app` is empty where it may not be asked."""

    team: str
    app: str
    user: str
    bot: str
    url: str
    enterprise: str = ""
    scopes: frozenset[str] = frozenset()

    def has_scope(self, scope: str) -> bool:
        """Whether the token has a scope, as far as is known."""
        return not self.scopes or scope in self.scopes

    def message_url(self, channel: str, message: str, thread: str | None = None) -> str:
        """The web address of a message, the same that "Copy link" gives."""
        address = f"{self.url.rstrip('/')}/archives/{channel}/p{message.replace('.', '')}"
        return f"{address}?thread_ts={thread}&cid={channel}" if thread and thread != message else address


async def identify(api: SlackApi) -> Workspace:
    """Ask Slack who we are.

    Raises:
        NotSent: Slack cannot be asked just now.
        SendRejected: the bot token is not taken; the text says what to do.
    """
    try:
        told = await api.read("auth.test", lambda client: client.auth_test())
    except Unauthorised as error:
        raise SendRejected(f"SLACK_BOT_TOKEN: {error}") from error
    scopes = frozenset(filter(None, str(told.headers.get("x-oauth-scopes", "")).replace(" ", "").split(",")))
    return Workspace(
        team=str(told["team_id"]),
        app=await _app(api, str(told["bot_id"] or "")),
        user=str(told["user_id"]),
        bot=str(told["bot_id"] or ""),
        url=str(told["url"] or ""),
        enterprise=str(told["enterprise_id"] or ""),
        scopes=scopes,
    )


async def _app(api: SlackApi, bot: str) -> str:
    """The id of the app that the bot belongs to; empty if the token may not ask."""
    try:
        told = await api.read("bots.info", lambda client: client.bots_info(bot=bot))
    except SendRejected:
        return ""
    return str((told["bot"] or {}).get("app_id") or "")


PLATFORM = "slack"


def direct_place(user: str) -> Place:
    """The direct messages with somebody."""
    return Place(platform=PLATFORM, channel=f"@{user}")
