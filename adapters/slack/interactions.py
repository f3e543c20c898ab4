"""What people do with commands, buttons, forms and the message menu, as the bridge knows it. Judged there, not here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from adapters.slack.api import SlackApi
from adapters.slack.app_home import CHANNEL_ACTION, HOME_PREFIX, HomeState, is_home, next_home_state, parse_home_state
from adapters.slack.channels import SlackChannels
from adapters.slack.controls import SlackControl, parse_command, parse_control
from adapters.slack.events import SlackEventHandler, parse_slash
from adapters.slack.files import to_attachments
from adapters.slack.modals import (
    ModalMetadata,
    answer_modal,
    carried_files,
    field_value,
    modal_files,
    model_modal,
    parse_metadata,
    task_modal,
)
from adapters.slack.notices import (
    HandlerResult,
    OpenModal,
    SlackActor,
    external_person_notice,
    not_in_channel_notice,
    outdated_control_notice,
)
from adapters.slack.workspace import SlackUsers, Workspace, direct_place
from orchestrator_bridge.chat.adapter import Autocomplete
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, Place

Body = Mapping[str, Any]


class SlackInteractionHandler:
    """Understands slash commands and the payloads of interactive elements."""

    def __init__(
        self,
        api: SlackApi,
        workspace: Workspace,
        users: SlackUsers,
        channels: SlackChannels,
        events: SlackEventHandler,
        autocomplete: Autocomplete,
        names: Collection[str],
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._users = users
        self._channels = channels
        self._events = events
        self._menu = autocomplete
        self._names = names

    async def handle(self, body: Body) -> HandlerResult | None:
        """What somebody did means; None if it is nothing.

        Raises:
            ValueError: a form came back that is not one of ours.
        """
        heard = await self._to_inbound(body)
        if not isinstance(heard, SlackActor):
            return heard
        if await self._is_external(body, heard.author.id):
            return external_person_notice(heard)
        if isinstance(heard, CommandReceived) and heard.name == "ask" and not await self._can_work_in(heard):
            return not_in_channel_notice(heard)
        return heard

    async def _to_inbound(self, body: Body) -> HandlerResult | None:
        if "command" in body:
            return await self._slash(body)
        match body.get("type"):
            case "block_actions":
                return await self._action(body)
            case "view_submission":
                return await self._submitted(body)
            case "message_action":
                return await self._message_shortcut(body)
            case _:
                return None

    async def _is_external(self, body: Body, user: str) -> bool:
        person = await self._users.person(user)
        team = (body.get("user") or {}).get("team_id") or self._workspace.team
        elsewhere = team != self._workspace.team and not self._workspace.enterprise
        return (person.is_external or elsewhere) and not self._users.listed(user)

    async def _can_work_in(self, command: CommandReceived) -> bool:
        channel = command.place.channel
        await self._channels.refresh_members(channel)
        return channel.startswith("@") or await self._channels.can_write(channel, command.author.id)

    # Commands -------------------------------------------------------------------------------------------------------------

    async def _slash(self, body: Body) -> HandlerResult:
        channel, user = str(body["channel_id"]), str(body["user_id"])
        if channel.startswith("D"):
            await self._channels.can_write(channel, user)  # learns whether these are our direct messages with her
        line = parse_slash(str(body.get("text") or ""))
        place = self._channels.place(channel)
        if line.wants_form(self._names):
            about = ModalMetadata(channel=place.channel)
            view = task_modal(about, self._menu) if line.name == "ask" else model_modal(about, self._menu)
            return OpenModal(trigger=str(body["trigger_id"]), view=view)
        text = await self._events.plain_text(line.text)
        given = self._command_received(place, str(body["trigger_id"]), await self._users.author(user), line.name, text)
        return replace(given, mentions=await self._events.mentioned_authors(line.text))

    def now(self) -> float:
        """Slack's clock, in seconds since the epoch."""
        return self._api.now()

    async def home_opened(self, user: str, interaction: str, shown: HomeState) -> CommandReceived:
        """Somebody's App Home is to be drawn."""
        given = self._command_received(direct_place(user), interaction, await self._users.author(user), "home", "")
        return replace(given, options=(("channel", shown.channel),) if shown.chosen else ())

    def _command_received(self, place: Place, interaction: str, author: Author, name: str, text: str) -> CommandReceived:
        at = self._api.now()
        return CommandReceived(place=place, interaction=interaction, author=author, name=name, text=text, at=at)

    async def _message_shortcut(self, body: Body) -> HandlerResult:
        """ "Ask the agents about this" in the menu of a message."""
        message, channel = body["message"], str(body["channel"]["id"])
        text = await self._events.plain_text(str(message.get("text") or ""))
        writer = message.get("user")
        by = f" by {(await self._users.person(str(writer))).name}" if writer else ""
        quoted = "\n".join(f"> {line}" for line in text.splitlines())
        if channel.startswith("D"):
            await self._channels.can_write(channel, str(body["user"]["id"]))
        about = ModalMetadata(channel=self._channels.place(channel).channel, files=carried_files(message.get("files") or ()))
        return OpenModal(
            trigger=str(body["trigger_id"]), view=task_modal(about, self._menu, f"About this message{by}:\n{quoted}\n\n")
        )

    # Buttons --------------------------------------------------------------------------------------------------------------

    async def _action(self, body: Body) -> HandlerResult | None:
        action, user = body["actions"][0], str(body["user"]["id"])
        if action.get("action_id") == "scope":
            return self._scope_changed(body)
        if action.get("action_id") == CHANNEL_ACTION:
            return await self.home_opened(user, str(body["trigger_id"]), next_home_state(body))
        if action.get("action_id") == "link" or (body.get("view") or {}).get("type") == "modal":
            return None
        place, author = self._control_place(body, user), await self._users.author(user)
        control, confirmed = parse_control(action), parse_command(action)
        if control is not None:
            heard = self._control(body, control, place, author)
            if isinstance(heard, ControlUsed) and heard.press == "pass" and heard.value:
                return replace(heard, to=await self._users.author(heard.value))
            return heard
        if str(action.get("action_id", "")).startswith("form/"):
            return self._modal(body, str(action["action_id"]).removeprefix("form/"), place)
        if confirmed is not None:
            once = str(_container(body).get("message_ts") or _interaction(body))  # twice clicked is once meant
            here = self._home_channel(body, place) if is_home(body) else self._command_place(body, place)
            given = self._command_received(here, once, author, confirmed.name, confirmed.text)
            return replace(given, options=confirmed.options)
        return outdated_control_notice(
            self._command_received(self._command_place(body, place), str(body["trigger_id"]), author, "", "")
        )

    def _control_place(self, body: Body, user: str) -> Place:
        """Where a control stands: the thread of its message. In App Home that is our direct messages."""
        container = _container(body)
        channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
        if not channel:
            return direct_place(user)
        if channel.startswith("D"):
            self._channels.remember_direct(channel, user)
        thread = _thread(body) or container.get("message_ts")
        return self._channels.place(channel, str(thread) if thread else None)

    def _command_place(self, body: Body, place: Place) -> Place:
        """Where a command is given by a button: in the thread of its message, if that stands in one."""
        thread = _thread(body)
        return replace(place, thread=str(thread) if thread else None)

    def _home_channel(self, body: Body, place: Place) -> Place:
        """The channel whose models App Home shows: what is picked there is picked for it."""
        return replace(place, channel=parse_home_state(body["view"]).channel or place.channel)

    def _control(self, body: Body, control: SlackControl, place: Place, author: Author) -> HandlerResult:
        at, interaction = float(body["actions"][0].get("action_ts") or self._api.now()), _interaction(body)
        match control.press:
            case "write":
                about = ModalMetadata(
                    channel=place.channel, thread=place.thread, question=control.question, at_home=is_home(body)
                )
                asked = control.value or str((body.get("message") or {}).get("text") or "")
                return OpenModal(trigger=str(body["trigger_id"]), view=answer_modal(about, asked))
            case "cancel":
                here = self._command_place(body, place)
                return self._command_received(here, interaction, author, "questions", f"{control.question} cancel")
            case press:
                return ControlUsed(
                    place=place,
                    interaction=interaction,
                    question=control.question,
                    press=press,
                    author=author,
                    at=at,
                    value=control.value,
                )

    def _modal(self, body: Body, name: str, place: Place) -> HandlerResult:
        channel = place.channel
        if is_home(body):
            channel = self._home_channel(body, place).channel if name == "model" else ""
        about = ModalMetadata(channel=channel, at_home=is_home(body))
        view = model_modal(about, self._menu) if name == "model" else task_modal(about, self._menu)
        return OpenModal(trigger=str(body["trigger_id"]), view=view)

    def _scope_changed(self, body: Body) -> OpenModal:
        """A model is picked for something else: the list and the mark of the current one follow."""
        view = body["view"]
        about = replace(parse_metadata(view), scope=str(body["actions"][0]["selected_option"]["value"]))
        return OpenModal(trigger="", view=model_modal(about, self._menu), view_id=str(view["id"]), hash=str(view["hash"]))

    # Forms ----------------------------------------------------------------------------------------------------------------

    async def _submitted(self, body: Body) -> HandlerResult | None:
        view, user = body["view"], str(body["user"]["id"])
        about, author = parse_metadata(view), await self._users.author(user)
        place, interaction = about.place("slack"), f"{HOME_PREFIX if about.at_home else ''}{view['id']}"
        match view.get("callback_id"):
            case "answer":
                return ControlUsed(
                    place=place,
                    interaction=interaction,
                    question=about.question,
                    press="write",
                    author=author,
                    at=self._api.now(),
                    value=field_value(view, "answer"),
                )
            case "ask":
                here = replace(place, channel=field_value(view, "channel") or place.channel)
                given = self._command_received(here, interaction, author, "ask", field_value(view, "task"))
                team = field_value(view, "team")
                files = to_attachments([*about.files, *modal_files(view)])
                return replace(given, options=(("team", team),) if team else (), attachments=files)
            case "model":
                given = self._command_received(place, interaction, author, "model", field_value(view, "model"))
                return replace(given, options=_scope(about.scope))
            case _:
                return None


def _interaction(body: Body) -> str:
    """What identifies an interaction, and says whether it comes from App Home."""
    return f"{HOME_PREFIX if is_home(body) else ''}{body['trigger_id']}"


def _scope(scope: str) -> tuple[tuple[str, str], ...]:
    """What a model is picked for, as an option of the command: `channel`, `team:docs`, `agent:skeptic`."""
    return (("scope", scope),) if scope else ()


def _container(body: Body) -> Body:
    """What a control stands in."""
    found: Body = body.get("container") or {}
    return found


def _thread(body: Body) -> str | None:
    """The thread in which the message of a control stands."""
    found = (body.get("message") or {}).get("thread_ts") or _container(body).get("thread_ts")
    return str(found) if found else None
