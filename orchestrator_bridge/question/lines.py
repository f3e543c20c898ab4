"""What people read of an open question, in lines short enough for a phone: whom it asks, and what their silence means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.frozen import once
from orchestrator_bridge.question.chain import immediate_fallback, next_fallback
from orchestrator_bridge.question.quorum import is_audience_known, required_votes
from orchestrator_bridge.question.values import Question, Responder
from orchestrator_bridge.team import FallbackStep
from orchestrator_bridge.text import clean, listed, one_line, sentence, shorten

MAX_LINE = 300
"""Characters of somebody's words in one line for people."""


def name_of(name: str) -> str:
    """Somebody's name on one line: names are chosen freely on some platforms."""
    return one_line(name, 80) or "somebody"


# Whom it asks -------------------------------------------------------------------------------------------------------------


@once
def audience_line(question: Question) -> str:
    """Whom the question asks, and whose replies decide: `Ana and Ben (all of them decide), with advice from skeptic`."""
    people = [name_of(one.name) for one in _still_asked(question)] + [f"the role {group.name}" for group in question.groups]
    agents = [one.name for one in question.asked if one.kind == "agent"]
    others = _others_allowed(question)
    if not people:
        return listed([f"the agent {name}" for name in agents] or others) or "nobody who can be reached"
    advice = f", with advice from {listed(agents)}" if agents else ""
    return f"{listed([*people, *others], 'or' if others else 'and')}{_quorum(question)}{advice}{_remarks(question)}"


def _still_asked(question: Question) -> Sequence[Responder]:
    """The people who are asked and have not passed; all of them if everybody has."""
    return [one for one in question.humans if one.id not in question.passed] or question.humans


def _others_allowed(question: Question) -> list[str]:
    """Who may answer beside those asked."""
    responders = question.policy.responders
    if responders == "anyone":
        return ["anyone here"]
    return [f"anyone of the role {responders.removeprefix('role:')}"] if responders.startswith("role:") else []


def _quorum(question: Question) -> str:
    if not is_audience_known(question):
        policy = question.policy.quorum
        return "" if policy == "first" else " (one answer decides, since it is not known who is in the role)"
    wanted, people = (
        required_votes(question),
        sum(one in question.asked or one != question.decider for one in _still_asked(question)),
    )
    if people < 2:
        return ""
    if wanted == 1:
        return " (one answer decides)"
    return " (all of them decide)" if wanted >= people else f" ({wanted} answers decide)"


def _remarks(question: Question) -> str:
    last = [f"{name_of(question.decider.name)} has the last word"] if question.decider else []
    return "".join(f"; {remark}" for remark in (*last, *question.notes))


# What silence means -------------------------------------------------------------------------------------------------------


@once
def expiry_line(question: Question) -> str:
    """What happens at expiry, in one sentence."""
    few = "Without an answer" if required_votes(question) == 1 else "Without enough answers"
    return f"{few}, {', else '.join(_fallback_texts(question))}"


def _fallback_texts(question: Question) -> Iterator[str]:
    """The fallbacks to come: those that take time, and the first that decides at once."""
    for step in question.policy.fallback[next_fallback(question) :]:
        course = _fallback_text(question, step)
        if course:
            yield course
        if immediate_fallback(question, step.use):
            return


def _fallback_text(question: Question, step: FallbackStep) -> str:
    done = immediate_fallback(question, step.use)
    match step.use:
        case "agents":
            return f"the other agents decide (within {say_duration(step.seconds)})" if question.others else ""
        case "judge":
            return f"a model judges (within {say_duration(step.seconds)})"
        case "fail":
            return "the run ends without a result."
        case "default_option" if done:
            return f"{question.agent} takes the recommended option: {sentence(done.decision)}"
        case "assume" if question.ask.kind == "approval":
            return "it is not called: silence is no."
        case "assume" if done:
            return f"{question.agent} goes by its assumption: {clean(done.decision)}"
        case _:
            return ""


def reminder_line(question: Question) -> str:
    """The one reminder; those it is for are mentioned beside it."""
    return f"Still open: {shorten(question.ask.question, MAX_LINE)} {expiry_line(question)}"


def escalation_line(question: Question, names: Sequence[str]) -> str:
    """That others are asked too, who are mentioned beside it."""
    return f"Not enough answers yet, so {listed(names)} {'is' if len(names) == 1 else 'are'} asked too: {question.ask.question}"


def quiet_hours_ended_line(question: Question) -> str:
    """That a question has come while somebody slept, who is mentioned beside it."""
    return f"This came while you were not to be disturbed: {shorten(question.ask.question, MAX_LINE)}"


def delegation_line(question: Question, by: str) -> str:
    """That somebody is asked in another's place; they are mentioned beside it."""
    return f"{name_of(by)} hands this question over to you: {shorten(question.ask.question, MAX_LINE)}"


def fallback_line(question: Question) -> str:
    """That a fallback which takes time is at work now."""
    stage = question.stage
    if stage is None:
        return ""
    step = question.policy.fallback[stage.step]
    agents = f"{listed(stage.agents)} {'is' if len(stage.agents) == 1 else 'are'} asked"
    course = agents if step.use == "agents" else "a model judges"
    time = say_duration(step.seconds)
    return f"{stage.why[:1].upper()}{stage.why[1:]}, so {course} now, for at most {time}. An answer by people still wins."
