"""What people do with commands, buttons, forms and the message menu, as the bridge knows it. Judged there, not here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from adapters.slack.api import Api
from adapters.slack.aside import Form, Heard, Who, outdated, outside, stranger
from adapters.slack.controls import Control, read_command, read_control
from adapters.slack.files import attachments
from adapters.slack.forms import About, answer_form, files_along, files_of, model_form, read_about, task_form, typed
from adapters.slack.hear import Ear
from adapters.slack.home import CHANNEL, Shown, is_home, read_shown, shown_after
from adapters.slack.homes import AT_HOME
from adapters.slack.line import slash_line
from adapters.slack.people import People
from adapters.slack.rooms import Rooms
from adapters.slack.workspace import Workspace, direct
from orchestrator_bridge.chat import Author, CommandReceived, ControlUsed, Place
from orchestrator_bridge.menu import Autocomplete

Body = Mapping[str, Any]


class Hand:
    """Understands slash commands and the payloads of interactive elements."""

    def __init__(
        self,
        api: Api,
        workspace: Workspace,
        people: People,
        rooms: Rooms,
        ear: Ear,
        autocomplete: Autocomplete,
        names: Collection[str],
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._people = people
        self._rooms = rooms
        self._ear = ear
        self._menu = autocomplete
        self._names = names

    async def take(self, body: Body) -> Heard | None:
        """What somebody did means; None if it is nothing.

        Raises:
            ValueError: a form came back that is not one of ours.
        """
        heard = await self._meaning(body)
        if not isinstance(heard, Who):
            return heard
        if await self._is_stranger(body, heard.author.id):
            return stranger(heard)
        if isinstance(heard, CommandReceived) and heard.name == "ask" and not await self._can_work_in(heard):
            return outside(heard)
        return heard

    async def _meaning(self, body: Body) -> Heard | None:
        if "command" in body:
            return await self._slash(body)
        match body.get("type"):
            case "block_actions":
                return await self._action(body)
            case "view_submission":
                return await self._submitted(body)
            case "message_action":
                return await self._about_message(body)
            case _:
                return None

    async def _is_stranger(self, body: Body, user: str) -> bool:
        person = await self._people.person(user)
        team = (body.get("user") or {}).get("team_id") or self._workspace.team
        elsewhere = team != self._workspace.team and not self._workspace.enterprise
        return (person.stranger or elsewhere) and not self._people.listed(user)

    async def _can_work_in(self, command: CommandReceived) -> bool:
        channel = command.place.channel
        await self._rooms.look(channel)
        return channel.startswith("@") or await self._rooms.can_write(channel, command.author.id)

    # Commands -------------------------------------------------------------------------------------------------------------

    async def _slash(self, body: Body) -> Heard:
        channel, user = str(body["channel_id"]), str(body["user_id"])
        if channel.startswith("D"):
            await self._rooms.can_write(channel, user)  # learns whether these are our direct messages with her
        line = slash_line(str(body.get("text") or ""))
        place = self._rooms.place(channel)
        if line.wants_form(self._names):
            about = About(channel=place.channel)
            view = task_form(about, self._menu) if line.name == "ask" else model_form(about, self._menu)
            return Form(trigger=str(body["trigger_id"]), view=view)
        text = await self._ear.typed(line.text)
        given = self._commanded(place, str(body["trigger_id"]), await self._people.author(user), line.name, text)
        return replace(given, mentions=await self._ear.named(line.text))

    def now(self) -> float:
        """Slack's clock, in seconds since the epoch."""
        return self._api.now()

    async def looks_at_home(self, user: str, interaction: str, shown: Shown) -> CommandReceived:
        """Somebody's App Home is to be drawn."""
        given = self._commanded(direct(user), interaction, await self._people.author(user), "home", "")
        return replace(given, options=(("channel", shown.channel),) if shown.chosen else ())

    def _commanded(self, place: Place, interaction: str, author: Author, name: str, text: str) -> CommandReceived:
        at = self._api.now()
        return CommandReceived(place=place, interaction=interaction, author=author, name=name, text=text, at=at)

    async def _about_message(self, body: Body) -> Heard:
        """ "Ask the agents about this" in the menu of a message."""
        message, channel = body["message"], str(body["channel"]["id"])
        text = await self._ear.typed(str(message.get("text") or ""))
        writer = message.get("user")
        by = f" by {(await self._people.person(str(writer))).name}" if writer else ""
        quoted = "\n".join(f"> {line}" for line in text.splitlines())
        if channel.startswith("D"):
            await self._rooms.can_write(channel, str(body["user"]["id"]))
        about = About(channel=self._rooms.place(channel).channel, files=files_along(message.get("files") or ()))
        return Form(trigger=str(body["trigger_id"]), view=task_form(about, self._menu, f"About this message{by}:\n{quoted}\n\n"))

    # Buttons --------------------------------------------------------------------------------------------------------------

    async def _action(self, body: Body) -> Heard | None:
        action, user = body["actions"][0], str(body["user"]["id"])
        if action.get("action_id") == "scope":
            return self._other_scope(body)
        if action.get("action_id") == CHANNEL:
            return await self.looks_at_home(user, str(body["trigger_id"]), shown_after(body))
        if action.get("action_id") == "link" or (body.get("view") or {}).get("type") == "modal":
            return None
        place, author = self._where(body, user), await self._people.author(user)
        control, confirmed = read_control(action), read_command(action)
        if control is not None:
            heard = self._control(body, control, place, author)
            if isinstance(heard, ControlUsed) and heard.press == "pass" and heard.value:
                return replace(heard, to=await self._people.author(heard.value))
            return heard
        if str(action.get("action_id", "")).startswith("form/"):
            return self._form(body, str(action["action_id"]).removeprefix("form/"), place)
        if confirmed is not None:
            once = str(_container(body).get("message_ts") or _interaction(body))  # twice clicked is once meant
            here = self._on_page(body, place) if is_home(body) else self._asked_in(body, place)
            given = self._commanded(here, once, author, confirmed.name, confirmed.text)
            return replace(given, options=confirmed.options)
        return outdated(self._commanded(self._asked_in(body, place), str(body["trigger_id"]), author, "", ""))

    def _where(self, body: Body, user: str) -> Place:
        """Where a control stands: the thread of its message. In App Home that is our direct messages."""
        container = _container(body)
        channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
        if not channel:
            return direct(user)
        if channel.startswith("D"):
            self._rooms.met(channel, user)
        thread = _thread(body) or container.get("message_ts")
        return self._rooms.place(channel, str(thread) if thread else None)

    def _asked_in(self, body: Body, place: Place) -> Place:
        """Where a command is given by a button: in the thread of its message, if that stands in one."""
        thread = _thread(body)
        return replace(place, thread=str(thread) if thread else None)

    def _on_page(self, body: Body, place: Place) -> Place:
        """The channel whose models App Home shows: what is picked there is picked for it."""
        return replace(place, channel=read_shown(body["view"]).channel or place.channel)

    def _control(self, body: Body, control: Control, place: Place, author: Author) -> Heard:
        at, interaction = float(body["actions"][0].get("action_ts") or self._api.now()), _interaction(body)
        match control.press:
            case "write":
                about = About(channel=place.channel, thread=place.thread, question=control.question, at_home=is_home(body))
                asked = control.value or str((body.get("message") or {}).get("text") or "")
                return Form(trigger=str(body["trigger_id"]), view=answer_form(about, asked))
            case "cancel":
                here = self._asked_in(body, place)
                return self._commanded(here, interaction, author, "questions", f"{control.question} cancel")
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

    def _form(self, body: Body, name: str, place: Place) -> Heard:
        channel = place.channel
        if is_home(body):
            channel = self._on_page(body, place).channel if name == "model" else ""
        about = About(channel=channel, at_home=is_home(body))
        view = model_form(about, self._menu) if name == "model" else task_form(about, self._menu)
        return Form(trigger=str(body["trigger_id"]), view=view)

    def _other_scope(self, body: Body) -> Form:
        """A model is picked for something else: the list and the mark of the current one follow."""
        view = body["view"]
        about = replace(read_about(view), scope=str(body["actions"][0]["selected_option"]["value"]))
        return Form(trigger="", view=model_form(about, self._menu), view_id=str(view["id"]), hash=str(view["hash"]))

    # Forms ----------------------------------------------------------------------------------------------------------------

    async def _submitted(self, body: Body) -> Heard | None:
        view, user = body["view"], str(body["user"]["id"])
        about, author = read_about(view), await self._people.author(user)
        place, interaction = about.place("slack"), f"{AT_HOME if about.at_home else ''}{view['id']}"
        match view.get("callback_id"):
            case "answer":
                return ControlUsed(
                    place=place,
                    interaction=interaction,
                    question=about.question,
                    press="write",
                    author=author,
                    at=self._api.now(),
                    value=typed(view, "answer"),
                )
            case "ask":
                here = replace(place, channel=typed(view, "channel") or place.channel)
                given = self._commanded(here, interaction, author, "ask", typed(view, "task"))
                team = typed(view, "team")
                files = attachments([*about.files, *files_of(view)])
                return replace(given, options=(("team", team),) if team else (), attachments=files)
            case "model":
                given = self._commanded(place, interaction, author, "model", typed(view, "model"))
                return replace(given, options=_scope(about.scope))
            case _:
                return None


def _interaction(body: Body) -> str:
    """What identifies an interaction, and says whether it comes from App Home."""
    return f"{AT_HOME if is_home(body) else ''}{body['trigger_id']}"


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
