"""What people do to a run's questions: type in a thread, use a control, give a command. All three end in `deeds`."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, MessageDeleted, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, PrivateReply
from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.messages import acknowledgement_text
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.parsing.intent import (
    asks_to_repeat,
    declines,
    has_mention,
    mentioned_ids,
    parse_question_action,
    requested_seconds,
)
from orchestrator_bridge.question.quorum import group_id
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.presentation.posts import acknowledgement_post
from orchestrator_bridge.run.questions import actions
from orchestrator_bridge.run.questions.actions import DEFAULT_EXTENSION, ActionResult, ReplyMessage
from orchestrator_bridge.run.questions.asking import QuestionFactory
from orchestrator_bridge.run.questions.availability import QuietHoursPolicy
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.directory import Directory, Mentioned, Responder, UnknownName


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseHandler:
    """Brings to a question what people do, and tells them what became of it: everybody gets a word back."""

    directory: Directory
    quiet_hours: QuietHoursPolicy
    questions: QuestionFactory

    # In the thread --------------------------------------------------------------------------------------------------------

    def on_message(self, transaction: Transaction, message: MessageReceived, number: int) -> None:
        """Somebody typed something, or changed what they had typed."""
        question = transaction.state.questions.get(number)
        if question is None:
            transaction.mark_handled(message.key, "there is no such question")
            return
        by = self._responder(question, message.author, message.place)
        done = self._reply(
            transaction, question, by, self._message(transaction, message.author, message.message, message.text, message)
        )
        after = transaction.state.questions[question.id]
        taken_as = acknowledgement_text(after, by.id) if done.status == "taken" and after.open else ""
        given = Acknowledgement(
            message=message.message, author=message.author, sign=done.status, text=done.text, taken_as=taken_as
        )
        direct = message.place if message.place.channel.startswith("@") or question.lost else None
        transaction.rows.append(acknowledgement_post(transaction.state, message.key, given, question.id, direct))
        transaction.mark_handled(message.key, "" if done.status == "taken" else f"{done.status}: {done.text}")

    def on_deleted(self, transaction: Transaction, unsaid: MessageDeleted, number: int) -> None:
        """A reply was deleted: it is withdrawn while its question is open. Or the question's card was: it is posted again."""
        question = transaction.state.questions.get(number)
        if question is not None and _open(transaction, question):
            card = transitions.card_deleted(question, unsaid.message) is not question
            kind = e.CardLost if card else e.Unreplied
            transaction.add(kind(at=transaction.now, question=number, message=unsaid.message))
        transaction.mark_handled(unsaid.key)

    def _reply(self, transaction: Transaction, question: Question, by: Responder, message: ReplyMessage) -> ActionResult:
        if _open(transaction, question):
            return actions.reply(transaction, question, by, message)
        if not transitions.may_answer(question, by):
            return actions.not_asked(question)
        if asks_to_repeat(message.text) and _can_ask_again(transaction, question):
            return self._again(transaction, question, by)
        if declines(question.ask, message.text) or requested_seconds(question.ask, message.text, DEFAULT_EXTENSION) is not None:
            return actions.already_closed(question)
        return actions.late(transaction, question, by, message)

    def _again(self, transaction: Transaction, question: Question, by: Responder) -> ActionResult:
        if question.ask.kind == "approval":
            return ActionResult(
                status="refused", text="That call is over. If the agent wants to make it again, you are asked anew."
            )
        there = next((one for one in transaction.state.questions.values() if one.again == question.id and one.open), None)
        if question.open or there is not None:
            return ActionResult(status="refused", text=f"Question {(there or question).id} is open: answer it there.")
        if not transitions.may_answer(question, by):
            return actions.not_asked(question)
        if not _can_ask_again(transaction, question):
            return ActionResult(status="refused", text=f"Nobody waits for question {question.id} any more.")
        new = self.questions.again(transaction, question, by)
        return ActionResult(status="taken", text=f"Asked again as question {new.id}.")

    # By a control ---------------------------------------------------------------------------------------------------------

    def on_control(self, transaction: Transaction, clicked: ControlUsed) -> None:
        """A control was used."""
        transaction.mark_handled(clicked.key)
        question = transaction.state.questions.get(clicked.question)
        if question is None:
            transaction.reply(clicked, _no_such(clicked.question))
            return
        by = self._responder(question, clicked.author, clicked.place)
        transaction.reply(clicked, _private_reply(question, self._use_control(transaction, clicked, question, by)))

    def _use_control(self, transaction: Transaction, clicked: ControlUsed, question: Question, by: Responder) -> ActionResult:
        allowed = transitions.may_answer(question, by) or (clicked.press == "more" and self._may_extend(question, by, clicked))
        if not allowed:
            return actions.not_asked(question)
        if not _open(transaction, question):
            return actions.already_closed(question)
        key = f"click:{clicked.interaction}"
        match clicked.press:
            case "pass":
                return self._decline_or_delegate(transaction, question, by, clicked, clicked.value)
            case "more":
                return self._extend(transaction, question, by, clicked, clicked.value, key)
            case "option":
                return actions.select_option(transaction, question, by, clicked.value, key, clicked.at)
            case "write":
                return actions.reply(
                    transaction, question, by, self._message(transaction, clicked.author, key, clicked.value, clicked)
                )

    # By command -----------------------------------------------------------------------------------------------------------

    def on_command(self, transaction: Transaction, command: CommandReceived, number: int, words: str) -> None:
        """`/questions 12 …`: pass, more time, cancel, again, or else an answer."""
        transaction.mark_handled(command.key)
        question = transaction.state.questions.get(number)
        if question is None:
            transaction.reply(command, _no_such(number))
            return
        by = self._responder(question, command.author, command.place)
        transaction.reply(command, _private_reply(question, self._execute(transaction, command, question, by, words)))

    def _execute(
        self, transaction: Transaction, command: CommandReceived, question: Question, by: Responder, words: str
    ) -> ActionResult:
        order, key = parse_question_action(question.ask, words), f"command:{command.interaction}"
        match order.verb:
            case "answer":
                return self._reply(transaction, question, by, self._message(transaction, command.author, key, words, command))
            case "again":
                return self._again(transaction, question, by)
            case _ if not _open(transaction, question):
                return actions.already_closed(question)
            case "cancel":
                return self._cancel(transaction, command, question, by)
            case "more":
                return self._extend(transaction, question, by, command, order.words, key)
            case "pass" | "hand" if not transitions.may_answer(question, by):
                return actions.not_asked(question)
            case "pass" | "hand":
                return self._decline_or_delegate(transaction, question, by, command, order.words)

    def _cancel(self, transaction: Transaction, command: CommandReceived, question: Question, by: Responder) -> ActionResult:
        starter = (transaction.state.by.platform, transaction.state.by.id) == (command.author.platform, command.author.id)
        if starter or self.directory.may(command.author, "cancel", command.place):
            return actions.cancel(transaction, question, by)
        return ActionResult(
            status="refused", text=f"You may not close question {question.id}; townhall.toml says who may, under [permissions]."
        )

    # Not me, and more time ------------------------------------------------------------------------------------------------

    def _decline_or_delegate(
        self, transaction: Transaction, question: Question, by: Responder, event: ControlUsed | CommandReceived, whom: str
    ) -> ActionResult:
        try:
            to = self._successor(question, by, event, whom)
        except UnknownName as error:
            return ActionResult(status="refused", text=str(error))
        sleepers = self.quiet_hours.quiet_people((to,) if to else (), transaction.now)
        return actions.decline_or_delegate(transaction, question, by, event.at, to, sleepers)

    def _successor(self, question: Question, by: Responder, event: ControlUsed | CommandReceived, whom: str) -> Mentioned | None:
        """Who is to be asked in somebody's place: whoever was picked, the platform's id of a person, or `@alice`.

        Raises:
            UnknownName: there is nobody of that name, or it is the very person who hands over.
        """
        named = _named(event)
        if not named and not whom:
            return None
        ids = mentioned_ids(whom) or (() if has_mention(whom) else ((whom, ""),))
        picked = named or tuple(self._known(event.place, *one) for one in ids)
        found = self.directory.mentioned(picked, whom, event.author.platform)
        if not found:
            raise UnknownName(f"I know nobody called {whom} here. To be taken off without naming anybody, say “pass”.")
        to = next((one for one in found if one.who.id != by.id), None)
        if to is None:
            raise UnknownName(f"Question {question.id} is with you already. Name somebody else, or say “pass”.")
        return to

    def _known(self, place: Place, id_: str, name: str = "") -> Author:
        """A person by the platform's id, with their name where somebody of the channel has that id."""
        there = self.directory.members(place.platform, place.channel) or ()
        return next((one for one in there if one.id == id_), Author(platform=place.platform, id=id_, name=name or id_))

    def _extend(
        self,
        transaction: Transaction,
        question: Question,
        by: Responder,
        event: ControlUsed | CommandReceived,
        time: str,
        key: str,
    ) -> ActionResult:
        if not self._may_extend(question, by, event):
            return ActionResult(status="refused", text="Only those who are asked can put a question off.")
        if time.isdecimal() and isinstance(event, CommandReceived):
            return ActionResult(status="refused", text=f"{time} of what? Say it as {time}m or {time}h.")
        try:
            return actions.extend(transaction, question, by, actions.seconds_of(time), key, event.at)
        except ValueError as error:
            return ActionResult(status="refused", text=str(error))

    def _may_extend(self, question: Question, by: Responder, event: ControlUsed | CommandReceived) -> bool:
        asked = any(one.id == by.id for one in question.all_asked)
        holds = not {*question.welcome, *(group_id(group.name) for group in question.groups)}.isdisjoint(by.roles)
        return asked or holds or self.directory.may(event.author, "extend", event.place)

    # Who and what ---------------------------------------------------------------------------------------------------------

    def _responder(self, question: Question, author: Author, place: Place) -> Responder:
        return self.directory.with_roles(author, place, transitions.roles_allowed_to_answer(question))

    def _message(
        self, transaction: Transaction, by: Author, key: str, text: str, event: MessageReceived | ControlUsed | CommandReceived
    ) -> ReplyMessage:
        named = self.directory.mentioned(_named(event), text, by.platform)
        mentions = tuple(one for one in named if one.author.id != by.id)
        edit = event.edit if isinstance(event, MessageReceived) else ""
        return ReplyMessage(
            key=key,
            text=text,
            at=event.at,
            edit=edit,
            mentions=mentions,
            quiet_people=self.quiet_hours.quiet_people(mentions, transaction.now),
        )


def _named(event: MessageReceived | ControlUsed | CommandReceived) -> tuple[Author, ...]:
    """Those whom somebody names, as far as the platform says who that is."""
    if isinstance(event, ControlUsed):
        return (event.to,) if event.to else ()
    return event.mentions


def _open(transaction: Transaction, question: Question) -> bool:
    return question.open and transaction.state.end is None


def _can_ask_again(transaction: Transaction, question: Question) -> bool:
    return not question.open and transaction.state.end is None and question.agent in transaction.state.agents


def _no_such(number: int) -> PrivateReply:
    return PrivateReply(text=f"There is no question {number}.", tone="warning")


def _private_reply(question: Question, result: ActionResult) -> PrivateReply:
    text = result.text or f"You answered question {question.id}."
    return PrivateReply(text=text, tone="warning" if result.status in ("refused", "late") else "plain")
