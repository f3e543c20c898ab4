"""Names and descriptions of the slash commands in other languages, as people see them whose Discord is set to one.

An interaction always carries the English names, so nothing else depends on these texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands

GERMAN: Mapping[str, str] = {
    "ask": "auftrag",
    "Give the agents a task": "Gib den Agenten eine Aufgabe",
    "task": "aufgabe",
    "The task": "Die Aufgabe",
    "team": "team",
    "The team that works on it; by default the channel's team": "Das Team, das daran arbeitet; sonst das Team des Kanals",
    "model": "modell",
    "One model for every agent in this run, instead of their own": "Ein Modell für alle Agenten dieses Laufs statt ihrer eigenen",
    "attachment": "anhang",
    "An image or a text file that belongs to the task": "Ein Bild oder eine Textdatei zur Aufgabe",
    "Select a model: type any part of its name": "Wähle ein Modell: Tippe einen Teil seines Namens",
    "Any part of the model's name": "Ein Teil des Namens",
    "scope": "bereich",
    "This channel, a team or an agent": "Dieser Kanal, ein Team oder ein Agent",
    "cancel": "abbrechen",
    "Cancel a run and close its questions": "Brich einen Lauf ab und schließe seine Fragen",
    "run": "lauf",
    "The run; by default the only active one": "Der Lauf; sonst der einzige, der gerade arbeitet",
    "finish": "abschließen",
    "End a run now, with the best answer so far": "Beende einen Lauf jetzt, mit der bisher besten Antwort",
    "models": "modelle",
    "List models with price, context and end of service": "Zeige Modelle mit Preis, Kontext und Ende des Dienstes",
    "search": "suche",
    "Any part of a name": "Ein Teil eines Namens",
    "Show the team of this channel, its models and its rules": "Zeige das Team dieses Kanals, seine Modelle und Regeln",
    "The name of another team": "Der Name eines anderen Teams",
    "runs": "läufe",
    "List active and earlier runs": "Zeige laufende und frühere Läufe",
    "questions": "fragen",
    "List the questions that wait for you, and answer them": "Zeige die Fragen, die auf dich warten, und beantworte sie",
    "question": "frage",
    "The number of a question": "Die Nummer einer Frage",
    "answer": "antwort",
    # The words themselves are read in English.
    "Your answer, or: pass, more 1h, cancel": "Deine Antwort, oder: pass, more 1h, cancel",
    "cost": "kosten",
    "Show the cost of runs, agents and models": "Zeige die Kosten von Läufen, Agenten und Modellen",
    "The number of a run": "Die Nummer eines Laufs",
    "help": "hilfe",
    "Show this bot's commands": "Zeige die Befehle dieses Bots",
    "recall": "entscheidungen",
    "Find what was decided here, by whom and when": "Finde, was hier von wem und wann entschieden wurde",
    "words": "wörter",
    "Words of the question or of the decision": "Wörter der Frage oder der Entscheidung",
    "supersede": "ersetzen",
    "Replace a decision by a later one": "Ersetze eine Entscheidung durch eine spätere",
    "old": "alt",
    "The number of the decision to replace": "Die Nummer der Entscheidung, die ersetzt wird",
    "new": "neu",
    "The number of the decision that counts now": "Die Nummer der Entscheidung, die jetzt gilt",
    "Ask the agents about this": "Die Agenten dazu fragen",
}
"""German texts by their English ones."""

LOCALISATIONS: Mapping[str, Mapping[str, str]] = {discord.Locale.german.value: GERMAN}
"""Texts by Discord's locale (docs.discord.com/developers/reference#locales)."""


class CommandTranslator(app_commands.Translator):
    """Translator of the commands, by the table."""

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContext[Any, Any]
    ) -> str | None:
        """Called by discord.py for each text and locale; None leaves the English text."""
        return LOCALISATIONS.get(locale.value, {}).get(string.message)
