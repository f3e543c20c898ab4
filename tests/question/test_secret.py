"""No agent may ask people for a credential; a question about one is fine."""

from __future__ import annotations

import pytest

from orchestrator_bridge.question.secret import asks_for_secret, secret_wanted
from tests.question.builders import ask


@pytest.mark.parametrize(
    "text",
    [
        "What is the password of the database?",
        "Please send me the API key for Stripe.",
        "Could you paste your SSH private key here?",
        "I need the AWS secret access key to go on.",
        "Can you share the login credentials for staging?",
        "What's the root password?",
        "Please enter the one-time code that you have just got.",
        "Which are the credentials? Please provide them: the credentials of the admin.",
        "Give us the bot token, please.",
        "Do you have an access token that I can use?",
        "Password?",
        "Please share the login password.",
        "Wie lautet das Passwort für den Server?",
        "Bitte schick mir die Zugangsdaten.",
    ],
)
def test_what_asks_for_a_secret_is_found(text: str) -> None:
    assert secret_wanted(text)


@pytest.mark.parametrize(
    "text",
    [
        "How long shall passwords be?",
        "What is the password policy here?",
        "Which password hashing shall we use?",
        "Where is the API key stored?",
        "What is the best way to store the API key?",
        "Shall I rotate the API key?",
        "May I add a password field to the form?",
        "Do we need a password reset page?",
        "Who owns the credentials of the build server?",
        "What is the name of the variable that holds the token?",
        "Tell me whether the access token expires.",
        "Which tokens does the parser produce?",
        "What is the primary key of the table?",
        "Shall the key be a UUID?",
        "Is it all right to pin the version?",
        "What is the PIN length?",
        "Let me know where the credentials should live.",
        "I need to know who may see the signing secret.",
        "Welche Länge soll das Passwort haben?",
        "Wo sollen die Zugangsdaten liegen?",
        "Which database shall we use?",
    ],
)
def test_what_only_talks_about_one_is_not(text: str) -> None:
    assert secret_wanted(text) is None


def test_the_context_is_looked_at_too_and_the_agent_is_told_what_to_do_instead() -> None:
    refusal = asks_for_secret(ask(context="It fails.\nPlease send me the API key."))
    assert "'api key'" in refusal
    assert "environment variable" in refusal
    assert asks_for_secret(ask(context="The API key is wrong.")) == ""
