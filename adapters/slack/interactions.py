"""Slash commands, buttons, modals and the message shortcut as inbound events, or as modals to open.

A trigger for a modal expires after three seconds. So a command or button that opens one is answered first and from memory, before
anything is stored or looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, assert_never

from adapters.slack.api import SlackApi
from adapters.slack.app_home import CHANNEL_ACTION, HOME_PREFIX, HomeTabs, is_home, next_home_state, parse_home_state
from adapters.slack.channels import SlackChannels
from adapters.slack.content import mentioned_ids, shared_text, typed_text
from adapters.slack.controls import SlackControl, confirmed_thread, parse_command, parse_control, parse_run_control
from adapters.slack.events import SlackEventHandler, wants_modal
from adapters.slack.files import to_attachments
from adapters.slack.modals import (
    CHANNEL_SCOPE,
    ModalMetadata,
    answer_modal,
    carried_files,
    field_value,
    input_block,
    modal_files,
    model_modal,
    parse_metadata,
    task_modal,
)
from adapters.slack.notices import (
    NOT_IN_CHANNEL,
    OUTDATED_CONTROL,
    FormRefused,
    HandlerResult,
    OpenModal,
    SlackActor,
    UpdateModal,
    membership_text,
    private_notice,
)
from adapters.slack.workspace import PLATFORM, Membership, SlackUsers, Workspace, direct_place, thread_of
from orchestrator_bridge.chat.adapter import Autocomplete
from orchestrator_bridge.chat.command_line import parse_command_line
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, Place

Body = Mapping[str, Any]


class SlackInteractionHandler:
    """Converts slash commands and interaction payloads."""

    def __init__(
        self,
        api: SlackApi,
        workspace: Workspace,
        users: SlackUsers,
        channels: SlackChannels,
        events: SlackEventHandler,
        home_tabs: HomeTabs,
        autocomplete: Autocomplete,
        names: Collection[str],
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._users = users
        self._channels = channels
        self._events = events
        self._home_tabs = home_tabs
        self._autocomplete = autocomplete
        self._names = names

    async def handle(self, body: Body) -> HandlerResult | None:
        """The result of an interaction; None if there is nothing to do.

        Raises:
            ValueError: a modal came back that is not one of ours.
        """
        result = await self._to_inbound(body)
        if not isinstance(result, SlackActor):
            return result
        refusal = await self._refusal(body, result)
        if not refusal:
            return result
        if body.get("type") == "view_submission":
            about = "channel" if refusal == NOT_IN_CHANNEL else ""
            return FormRefused(event=result, block_id=input_block(body["view"], about), text=refusal)
        return private_notice(result, refusal)

    async def _refusal(self, body: Body, event: SlackActor) -> str:
        """The reason for which an interaction is refused; empty if there is none."""
        membership = self._users.membership(event.author.id, _teams(body))
        if membership is not Membership.MEMBER:
            return membership_text(membership)
        if isinstance(event, ControlUsed) and event.press == "pass" and event.to is not None:
            unsuitable = self._users.unsuitable(event.to.id)
            return f"{unsuitable} Select another person." if unsuitable else ""
        if not isinstance(event, CommandReceived):
            return ""
        if event.name == "":
            return OUTDATED_CONTROL
        channel = event.place.channel
        if event.name != "ask" or channel.startswith("@"):
            return ""
        await self._channels.refresh_members(channel)
        return "" if await self._channels.can_write(channel, event.author.id) else NOT_IN_CHANNEL

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

    async def _slash(self, body: Body) -> HandlerResult:
        channel, user = str(body["channel_id"]), str(body["user_id"])
        if channel.startswith("D"):
            await self._channels.can_write(channel, user)  # records whether these are the bot's direct messages
        line = parse_command_line(str(body.get("text") or ""))
        place = self._channels.place(channel)
        # The modal comes before every look-up: its trigger expires after 3 seconds.
        if wants_modal(line, self._names):
            metadata = ModalMetadata(channel=place.channel)
            command = self._command_received(place, str(body["trigger_id"]), self._users.author(user), line.name, "")
            return self._open(command, str(body["trigger_id"]), metadata)
        await self._users.load(user, *mentioned_ids(line.text))
        text = self._events.plain_text(line.text)
        command = self._command_received(place, str(body["trigger_id"]), self._users.author(user), line.name, text)
        return replace(command, mentions=self._events.mentioned_authors(line.text))

    def _command_received(self, place: Place, interaction: str, author: Author, name: str, text: str) -> CommandReceived:
        at = self._api.now()
        return CommandReceived(place=place, interaction=interaction, author=author, name=name, text=text, at=at)

    async def _message_shortcut(self, body: Body) -> HandlerResult:
        """The message shortcut "Ask agents about this"."""
        message, channel = body["message"], str(body["channel"]["id"])
        raw, author = "\n\n".join(filter(None, (typed_text(message), shared_text(message)))), str(message.get("user") or "")
        await self._users.load(*filter(None, [author]), *mentioned_ids(raw))
        text = self._events.plain_text(raw)
        by = f" by {self._users.person(author).name}" if author else ""
        quoted = "\n".join(f"> {line}" for line in text.splitlines())
        if channel.startswith("D"):
            await self._channels.can_write(channel, str(body["user"]["id"]))
        # The first message of a thread names the thread as well; without replies it names none.
        metadata = ModalMetadata(
            channel=self._channels.place(channel).channel,
            thread=str(message["thread_ts"]) if message.get("thread_ts") else None,
            message=str(message.get("ts") or ""),
            used_at=str(body.get("action_ts") or ""),
            files=carried_files(message.get("files") or ()),
        )
        person = self._users.author(str(body["user"]["id"]))
        command = self._command_received(self._channels.place(channel), str(body["trigger_id"]), person, "ask", "")
        return self._open(command, str(body["trigger_id"]), metadata, f"About this message{by}:\n{quoted}\n\n")

    def _open(self, command: CommandReceived, trigger: str, metadata: ModalMetadata, text: str = "") -> OpenModal:
        """The modal of the command `ask` or `model`. `text` is the initial task."""
        if command.name == "model":
            view, instead = model_modal(metadata, self._autocomplete), "type /townhall model and the model's name"
        else:
            view, instead = task_modal(metadata, self._autocomplete, text), "type /townhall ask and the task"
        return OpenModal(event=command, trigger=trigger, view=view, instead=instead)

    async def _action(self, body: Body) -> HandlerResult | None:
        action, user = body["actions"][0], str(body["user"]["id"])
        if action.get("action_id") == "scope":
            return self._scope_changed(body)
        if action.get("action_id") == CHANNEL_ACTION:
            return await self._home_tabs.command(user, str(body["trigger_id"]), next_home_state(body))
        if action.get("action_id") == "link" or (body.get("view") or {}).get("type") == "modal":
            return None
        await self._users.load(user)
        place, author = self._control_place(body, user), self._users.author(user)
        control = parse_control(action)
        if control is not None:
            result = self._control(body, control, place, author)
            if isinstance(result, ControlUsed) and result.press == "pass" and result.value:
                await self._users.load(result.value)
                return replace(result, to=self._users.author(result.value))
            return result
        if str(action.get("action_id", "")).startswith("form/"):
            return self._modal(body, str(action["action_id"]).removeprefix("form/"), place, author)
        return self._button_command(body, action, place, author)

    def _button_command(self, body: Body, action: Body, place: Place, author: Author) -> CommandReceived:
        """The command of a button; one without a name if the button is unknown."""
        here, confirmed, finished = self._command_place(body, place), parse_command(action), parse_run_control(action)
        if confirmed is not None:
            once = str(_container(body).get("message_ts") or _interaction(body))  # a second click repeats the key
            here = self._home_channel(body, place) if is_home(body) else here
            command = self._command_received(here, once, author, confirmed.name, confirmed.text)
            thread = confirmed_thread(action, here)
            return replace(command, options=confirmed.options, attachments=confirmed.attachments, thread=thread)
        name, text = ("", "") if finished is None else ("finish", str(finished))
        return self._command_received(here, str(body["trigger_id"]), author, name, text)

    def _control_place(self, body: Body, user: str) -> Place:
        """The place of a control: the thread of its message, or the direct messages for App Home."""
        container = _container(body)
        channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
        if not channel:
            return direct_place(user)
        if channel.startswith("D"):
            self._channels.remember_direct(channel, user)
        thread = _thread(body) or container.get("message_ts")
        return self._channels.place(channel, str(thread) if thread else None)

    def _command_place(self, body: Body, place: Place) -> Place:
        """The place of a command given by a button: the thread of its message, if it stands in one."""
        thread = _thread(body)
        return replace(place, thread=str(thread) if thread else None)

    def _home_channel(self, body: Body, place: Place) -> Place:
        """The channel whose models App Home shows."""
        return replace(place, channel=parse_home_state(body["view"]).channel or place.channel)

    def _control(self, body: Body, control: SlackControl, place: Place, author: Author) -> HandlerResult:
        at, interaction = float(body["actions"][0].get("action_ts") or self._api.now()), _interaction(body)
        match control.press:
            case "write":
                metadata = ModalMetadata(
                    channel=place.channel, thread=place.thread, question=control.question, at_home=is_home(body)
                )
                question = control.value or str((body.get("message") or {}).get("text") or "")
                used = self._control_used(control, place, interaction, author, at)
                view = answer_modal(metadata, question)
                return OpenModal(event=used, trigger=str(body["trigger_id"]), view=view, instead="reply in the question's thread")
            case "cancel":
                here = self._command_place(body, place)
                return self._command_received(here, interaction, author, "questions", f"{control.question} cancel")
            case "option" | "pass" | "more" | "withdraw":
                return self._control_used(control, place, interaction, author, at)
            case _:
                assert_never(control.press)

    def _control_used(self, control: SlackControl, place: Place, interaction: str, author: Author, at: float) -> ControlUsed:
        assert control.press != "cancel", "it is a command"
        return ControlUsed(
            place=place,
            interaction=interaction,
            question=control.question,
            press=control.press,
            author=author,
            at=at,
            value=control.value,
        )

    def _modal(self, body: Body, name: str, place: Place, author: Author) -> OpenModal:
        channel = place.channel
        if is_home(body):
            channel = self._home_channel(body, place).channel if name == "model" else ""
        metadata = ModalMetadata(channel=channel, at_home=is_home(body))
        command = self._command_received(place, str(body["trigger_id"]), author, name, "")
        return self._open(command, str(body["trigger_id"]), metadata)

    def _scope_changed(self, body: Body) -> UpdateModal:
        """A model is selected for another scope: redraw the modal with that scope's models."""
        view = body["view"]
        metadata = replace(parse_metadata(view), scope=str(body["actions"][0]["selected_option"]["value"]))
        return UpdateModal(view_id=str(view["id"]), hash=str(view["hash"]), view=model_modal(metadata, self._autocomplete))

    async def _submitted(self, body: Body) -> HandlerResult | None:
        view, user = body["view"], str(body["user"]["id"])
        await self._users.load(user)
        metadata, author = parse_metadata(view), self._users.author(user)
        place, interaction = metadata.place(PLATFORM), f"{HOME_PREFIX if metadata.at_home else ''}{view['id']}"
        match view.get("callback_id"):
            case "answer":
                return ControlUsed(
                    place=place,
                    interaction=interaction,
                    question=metadata.question,
                    press="write",
                    author=author,
                    at=self._api.now(),
                    value=field_value(view, "answer"),
                )
            case "ask":
                channel = field_value(view, "channel") or place.channel
                destination = place if channel == place.channel else replace(place, channel=channel, thread=None)
                command = self._command_received(destination, interaction, author, "ask", field_value(view, "task"))
                until = metadata.used_at or f"{command.at:.6f}"
                command = replace(command, thread=thread_of(destination, until, metadata.message))
                team = field_value(view, "team")
                files = to_attachments([*metadata.files, *modal_files(view)])
                return replace(command, options=(("team", team),) if team else (), attachments=files)
            case "model":
                command = self._command_received(place, interaction, author, "model", field_value(view, "model"))
                # The submitted scope counts: the modal may have been drawn for another one.
                scope = field_value(view, "scope") or metadata.scope
                return replace(command, options=(("scope", scope),) if scope not in ("", CHANNEL_SCOPE) else ())
            case _:
                return None


def _interaction(body: Body) -> str:
    """The id of an interaction, with a prefix if it comes from App Home."""
    return f"{HOME_PREFIX if is_home(body) else ''}{body['trigger_id']}"


def _teams(body: Body) -> tuple[object, ...]:
    """The teams that an interaction names as its author's."""
    return (body.get("user") or {}).get("team_id"), (body.get("team") or {}).get("id"), body.get("team_id")


def _container(body: Body) -> Body:
    """The container of a control."""
    found: Body = body.get("container") or {}
    return found


def _thread(body: Body) -> str | None:
    """The thread of a control's message."""
    found = (body.get("message") or {}).get("thread_ts") or _container(body).get("thread_ts")
    return str(found) if found else None
