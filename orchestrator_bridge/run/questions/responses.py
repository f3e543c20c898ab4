"""Handling of what people do: messages in a question's thread, controls of its card, the command `/questions`.

All three end in `actions`, and every person gets an acknowledgement or a private reply.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator_bridge.chat.adapter import Standing
from orchestrator_bridge.chat.attachments import AttachmentContent, unreadable_text
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
from orchestrator_bridge.run.inputs import MessageInThread, QuestionCommand
from orchestrator_bridge.run.presentation.posts import acknowledgement_post
from orchestrator_bridge.run.questions import actions
from orchestrator_bridge.run.questions.actions import DEFAULT_EXTENSION, ActionResult, ReplyMessage
from orchestrator_bridge.run.questions.asking import QuestionFactory
from orchestrator_bridge.run.questions.availability import QuietHoursPolicy
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.authority import Act, Facts, Verdict, decide, effective_membership
from orchestrator_bridge.team.directory import Directory, Mentioned, Permission, Responder, UnknownName


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseHandler:
    """Applies the messages, controls and commands of people to questions, and reports the result to them."""

    directory: Directory
    quiet_hours: QuietHoursPolicy
    questions: QuestionFactory

    def on_message(self, transaction: Transaction, received: MessageInThread, number: int) -> None:
        """Apply a new or edited message of a question's thread with its files, and acknowledge it."""
        message = received.message
        question = transaction.state.questions.get(number)
        if question is None:
            transaction.mark_handled(message.key, "there is no such question")
            return
        by = self._responder(question, message.author, message.place, received.standing)
        text = self._message(transaction, message.author, message.message, message.text, message)
        result = self._reply(transaction, question, by, text) if message.text.strip() else _unreadable(received.files)
        after = transaction.state.questions[question.id]
        taken_as = acknowledgement_text(after, by.id) if result.status == "taken" and after.open else ""
        acknowledgement = Acknowledgement(
            message=message.message, author=message.author, sign=result.status, text=result.text, taken_as=taken_as
        )
        # A direct message and the thread of a deleted card are not the thread of the question's newest card.
        place = message.place if message.place.channel.startswith("@") or question.lost else None
        transaction.rows.append(acknowledgement_post(transaction.state, message.key, acknowledgement, question.id, place))
        transaction.mark_handled(message.key, "" if result.status == "taken" else f"{result.status}: {result.text}")

    def on_deleted(self, transaction: Transaction, deletion: MessageDeleted, number: int) -> None:
        """Withdraw a deleted reply while its question is open, or note that the question's card was deleted."""
        question = transaction.state.questions.get(number)
        if question is not None and _open(transaction, question):
            card = transitions.card_deleted(question, deletion.message) is not question
            kind = e.CardLost if card else e.Unreplied
            # A deletion that is neither is recorded as `Unreplied` too, which then changes nothing.
            transaction.add(kind(at=transaction.now, question=number, message=deletion.message))
        transaction.mark_handled(deletion.key)

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
                status="refused", text="That tool call has ended. If the agent wants to repeat it, you are asked again."
            )
        questions = transaction.state.questions.values()
        repeated = next((other for other in questions if other.again == question.id and other.open), None)
        if question.open or repeated is not None:
            return ActionResult(status="refused", text=f"Question {(repeated or question).id} is open: answer it there.")
        if not transitions.may_answer(question, by):
            return actions.not_asked(question)
        if not _can_ask_again(transaction, question):
            return ActionResult(status="refused", text=f"Nobody waits for question {question.id} any more.")
        new = self.questions.again(transaction, question, by)
        return ActionResult(status="taken", text=f"Asked again as question {new.id}.")

    def on_control(self, transaction: Transaction, clicked: ControlUsed, standing: Standing) -> None:
        """Apply the use of a control, and reply to it privately."""
        transaction.mark_handled(clicked.key)
        question = transaction.state.questions.get(clicked.question)
        if question is None:
            transaction.reply(clicked, _no_question(clicked.question))
            return
        by = self._responder(question, clicked.author, clicked.place, standing)
        if clicked.press == "withdraw":
            if (withdrawn := actions.withdraw_reaction(transaction, question, by, clicked.value)) is not None:
                transaction.reply(clicked, _private_reply(question, withdrawn))
            return
        result = self._use_control(transaction, clicked, question, by, standing)
        typed = clicked.value if clicked.press == "write" and result.status in ("refused", "late") else ""
        transaction.reply(clicked, _private_reply(question, result, typed))

    def _use_control(
        self, transaction: Transaction, clicked: ControlUsed, question: Question, by: Responder, standing: Standing
    ) -> ActionResult:
        # A person with the permission to extend may use "More time" without being asked.
        extends = clicked.press == "more" and self._may_extend(question, by, clicked, standing)
        if not (extends or _may_answer(question, by, standing)):
            return actions.not_asked(question)
        if not _open(transaction, question) and clicked.press != "write":
            return actions.already_closed(question)
        key = f"click:{clicked.interaction}"
        match clicked.press:
            case "pass":
                return self._decline_or_delegate(transaction, question, by, clicked, clicked.value)
            case "more":
                return self._extend(transaction, question, by, clicked, clicked.value, key, standing)
            case "option":
                return actions.select_option(transaction, question, by, clicked.value, key, clicked.at)
            case "write":
                message = self._message(transaction, clicked.author, key, clicked.value, clicked)
                result = self._reply(transaction, question, by, message)
                is_bare = result.status == "late" and not result.text.startswith("Too late")
                return replace(result, text=f"Too late: {result.text}") if is_bare else result
            case "withdraw":
                raise AssertionError("handled before: the author need not be asked any more")

    def on_command(self, transaction: Transaction, given: QuestionCommand) -> None:
        """Apply `/questions 12 …`: pass, more time, cancel, again, or an answer."""
        command = given.command
        transaction.mark_handled(command.key)
        question = transaction.state.questions.get(given.question)
        if question is None:
            transaction.reply(command, _no_question(given.question))
            return
        by = self._responder(question, command.author, command.place, given.standing)
        transaction.reply(command, _private_reply(question, self._execute(transaction, given, question, by)))

    def _execute(self, transaction: Transaction, given: QuestionCommand, question: Question, by: Responder) -> ActionResult:
        command, standing = given.command, given.standing
        action, key = parse_question_action(question.ask, given.words), f"command:{command.interaction}"
        match action.verb:
            case "answer":
                words = self._message(transaction, command.author, key, given.words, command)
                return self._reply(transaction, question, by, words)
            case "again":
                return self._again(transaction, question, by)
            case _ if not _open(transaction, question):
                return actions.already_closed(question)
            case "cancel":
                return self._cancel(transaction, command, question, by, standing)
            case "more":
                return self._extend(transaction, question, by, command, action.words, key, standing)
            case "pass" | "hand" if not _may_answer(question, by, standing):
                return actions.not_asked(question)
            case "pass" | "hand":
                return self._decline_or_delegate(transaction, question, by, command, action.words)

    def _cancel(
        self, transaction: Transaction, command: CommandReceived, question: Question, by: Responder, standing: Standing
    ) -> ActionResult:
        facts = Facts(
            standing=standing,
            own=self.directory.responder(transaction.state.by).id == by.id,
            asked=transitions.is_asked(question, by),
            named=self.directory.is_named(command.author),
            permitted=self._may("cancel", command, standing),
        )
        if decide(Act.CANCEL_QUESTION, facts) is Verdict.ALLOWED:
            return actions.cancel(transaction, question, by)
        text = f"You may not close question {question.id}: only the requester and people with the permission to cancel may."
        return ActionResult(status="refused", text=text)

    def _decline_or_delegate(
        self, transaction: Transaction, question: Question, by: Responder, event: ControlUsed | CommandReceived, whom: str
    ) -> ActionResult:
        try:
            to = self._successor(question, by, event, whom)
        except UnknownName as error:
            return ActionResult(status="refused", text=str(error))
        quiet_people = self.quiet_hours.quiet_people((to,) if to else (), transaction.now)
        return actions.decline_or_delegate(transaction, question, by, event.at, to, quiet_people)

    def _successor(self, question: Question, by: Responder, event: ControlUsed | CommandReceived, whom: str) -> Mentioned | None:
        """The person to be asked in somebody's place, by selection, by the platform's id or by name (`@alice`); None if none is
        named.

        Raises:
            UnknownName: nobody has that name, or it is the person who hands over.
        """
        named = _named(event)
        if not named and not whom:
            return None
        ids = mentioned_ids(whom) or (() if has_mention(whom) else ((whom, ""),))
        selected = named or tuple(self._member(event.place, id_, name) for id_, name in ids)
        found = self.directory.mentioned(selected, whom, event.author.platform)
        if not found:
            raise UnknownName(f"Nobody here is called {whom}. To decline without naming anybody, say “pass”.")
        to = next((person for person in found if person.who.id != by.id), None)
        if to is None:
            raise UnknownName(f"Question {question.id} is with you already. Name somebody else, or say “pass”.")
        return to

    def _member(self, place: Place, id_: str, name: str) -> Author:
        """A person by the platform's id, with their name if they are a member of the channel."""
        members = self.directory.members(place.platform, place.channel) or ()
        unknown = Author(platform=place.platform, id=id_, name=name or id_)
        return next((member for member in members if member.id == id_), unknown)

    def _extend(
        self,
        transaction: Transaction,
        question: Question,
        by: Responder,
        event: ControlUsed | CommandReceived,
        time: str,
        key: str,
        standing: Standing,
    ) -> ActionResult:
        if not self._may_extend(question, by, event, standing):
            return ActionResult(status="refused", text="Only the people asked can extend the time of a question.")
        # A bare number from a control is in seconds; a person who types one means minutes or hours, and it is not known which.
        if time.isdecimal() and isinstance(event, CommandReceived):
            return ActionResult(status="refused", text=f"{time} has no unit: write {time}m or {time}h.")
        try:
            return actions.extend(transaction, question, by, actions.seconds_of(time), key, event.at)
        except ValueError as error:
            return ActionResult(status="refused", text=str(error))

    def _may_extend(self, question: Question, by: Responder, event: ControlUsed | CommandReceived, standing: Standing) -> bool:
        roles = {*question.welcome, *(group_id(group.name) for group in question.groups)}
        facts = Facts(
            standing=standing,
            asked=any(person.id == by.id for person in question.all_asked) or not roles.isdisjoint(by.roles),
            named=self.directory.is_named(event.author),
            permitted=self._may("extend", event, standing),
        )
        return decide(Act.EXTEND, facts) is Verdict.ALLOWED

    def _may(self, permission: Permission, event: ControlUsed | CommandReceived, standing: Standing) -> bool:
        membership = effective_membership(standing, named=self.directory.is_named(event.author))
        return self.directory.may(event.author, permission, event.place, membership)

    def _responder(self, question: Question, author: Author, place: Place, standing: Standing) -> Responder:
        membership = effective_membership(standing, named=self.directory.is_named(author))
        return self.directory.with_roles(author, place, transitions.roles_allowed_to_answer(question), membership)

    def _message(
        self, transaction: Transaction, by: Author, key: str, text: str, event: MessageReceived | ControlUsed | CommandReceived
    ) -> ReplyMessage:
        named = self.directory.mentioned(_named(event), text, by.platform)
        mentions = tuple(person for person in named if person.author.id != by.id)
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
    """The people whom an event names by the platform's own means: a mention, or a selection."""
    if isinstance(event, ControlUsed):
        return (event.to,) if event.to else ()
    return event.mentions


def _may_answer(question: Question, by: Responder, standing: Standing) -> bool:
    facts = Facts(
        standing=standing,
        asked=transitions.is_asked(question, by),
        named=by.id.startswith("@"),
        permitted=transitions.may_answer(question, by),
    )
    return decide(Act.ANSWER, facts) is Verdict.ALLOWED


def _open(transaction: Transaction, question: Question) -> bool:
    return question.open and transaction.state.end is None


def _unreadable(files: tuple[AttachmentContent, ...]) -> ActionResult:
    return ActionResult(status="refused", text=unreadable_text(files, "Answer in words, or use the buttons."))


def _can_ask_again(transaction: Transaction, question: Question) -> bool:
    return not question.open and transaction.state.end is None and question.agent in transaction.state.agents


def _no_question(number: int) -> PrivateReply:
    return PrivateReply(text=f"There is no question {number}.", tone="warning")


def _private_reply(question: Question, result: ActionResult, typed: str = "") -> PrivateReply:
    """The reply to an action. `typed` are words of a form that did not count: the form is closed, so they are repeated."""
    text = result.text or f"You answered question {question.id}."
    if typed:
        text += "\nYou wrote:\n" + "\n".join(f"> {line}" for line in typed.splitlines())
    return PrivateReply(text=text, tone="warning" if result.status in ("refused", "late") else "plain")
