from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.config.errors import ConfigError
from bot.config.explain import PATTERNS
from bot.config.platforms import installed_platforms
from bot.config.settings import Settings
from bot.config.team_file import parse_team_file, read_team_file
from bot.config.team_schema import DEMO_TEAM, TeamFile
from orchestrator_bridge.chat.inbound import Place

ROOT = Path(__file__).parents[3]
SCRIPT = '[[agents."*"]]\ntext = "Yes."\n'
AGENT = '[[team.review.agents]]\nname = "author"\nmodel = "scripted/yes"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "yes.toml").write_text(SCRIPT)
    return tmp_path / "townhall.toml"


def read(file: Path, text: str) -> TeamFile:
    return parse_team_file(text, file)


def refused(file: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        parse_team_file(text, file)
    return str(refusal.value)


def test_without_a_file_there_is_the_demo_team(file: Path) -> None:
    found = read_team_file(file)
    assert found.file is None
    assert found.team() == DEMO_TEAM


def test_a_file_that_a_setting_names_must_exist(file: Path) -> None:
    with pytest.raises(ConfigError, match="the team file is missing"):
        read_team_file(file, must_exist=True)


@pytest.mark.parametrize("must_exist", [True, False])
def test_a_dangling_link_is_not_taken_for_no_file(file: Path, must_exist: bool) -> None:
    file.symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"(?s)the team file is missing.*a link to 'nowhere', which does not exist.*fix:"):
        read_team_file(file, must_exist=must_exist)


def test_a_file_without_teams_has_the_demo_team(file: Path) -> None:
    found = read(file, '[people.alice]\ndiscord = "1"\n')
    assert found.team() == DEMO_TEAM
    assert found.people["alice"].ids == {"discord": "1"}


def test_the_first_team_is_the_default_team_unless_the_file_names_another(file: Path) -> None:
    other = AGENT.replace("review", "other")
    assert read(file, AGENT + other).team().name == "review"
    found = read(file, 'default_team = "other"\n' + AGENT + other)
    assert found.team().name == "other"
    assert found.team("review").agents[0].model == "scripted/yes"


def test_budgets_have_valid_channels_and_a_valid_time_zone(file: Path) -> None:
    found = read(file, '[budgets]\nday = 20.10\n[budgets.channels]\n"discord:1" = 2.5\n').budgets
    assert (found.day, found.of_channel("discord:1"), found.of_channel("discord:2")) == (Decimal("20.10"), Decimal("2.5"), None)
    assert "more than 0" in refused(file, "[budgets]\nday = 0\n")
    wrong = refused(file, '[budgets]\ntime_zone = "Berlin"\n[budgets.channels]\n"general" = 1\n')
    assert "a zone of the tz database" in wrong
    assert "'slack/C0123ABCD' on Slack" in wrong


def test_a_budget_names_its_channel_as_every_other_key_does(file: Path) -> None:
    found = read(file, '[budgets]\nchannel = 1\n[budgets.channels]\n"discord/1" = 2.5\n"slack:C1" = 3\n').budgets
    assert [found.of_channel(key) for key in ("discord:1", "slack:C1", "slack:C2")] == [Decimal("2.5"), 3, 1]


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        ("channel:platform", "About this channel"),
        ("channel:<#C0123ABCD>", "write 'slack/C0123ABCD'"),
        ("channel:<#C0123ABCD|general>", "write 'slack/C0123ABCD'"),
        ("channel:<#123456>", "write 'discord/123456'"),
        ("channel:slack:C1", "write 'slack/C1'"),
        ("channel:slack:general", "About this channel"),
        ("channel:slack/general", "About this channel"),
        ("channel:discord/C1", "Copy ID"),
        ("channel:matrix/C1", "write 'slack/C1'"),
    ],
)
def test_a_channel_that_is_no_id_is_an_error_with_its_fix(file: Path, entry: str, fix: str) -> None:
    for text in (
        f"[permissions]\nstart = ['{entry}']\n",
        f"{AGENT}[[team.review.channels]]\nchannel = '{entry.removeprefix('channel:')}'\n",
        f"[budgets.channels]\n'{entry.removeprefix('channel:')}' = 1\n",
    ):
        if "slack:C1" in entry and "budgets" in text:
            continue  # the spelling of earlier releases
        error = refused(file, text)
        assert "the channel's id" in error
        assert fix in error


@pytest.mark.parametrize("channel", ["C1", "slack/C1", "123", "discord/123"])
def test_ids_of_channels_are_accepted_with_and_without_their_platform(file: Path, channel: str) -> None:
    found = read(file, f"[permissions]\nstart = ['channel:{channel}']\n{AGENT}[[team.review.channels]]\nchannel = '{channel}'\n")
    assert found.permissions.start == (f"channel:{channel}",)


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("[people.ana]\nslack = '@ana'\n", "people.ana.slack", "the person's id on Slack, such as 'U0123ABCD'"),
        ("[people.ana]\nslack = '<@U1>'\n", "people.ana.slack", "write 'U1'"),
        ("[people.ana]\ndiscord = 'ana#1234'\n", "people.ana.discord", "the person's id on Discord"),
        ("[people.ana]\ndiscord = '<@!42>'\n", "people.ana.discord", "write '42'"),
        ("[roles.crew]\nslack = '@crew'\n", "roles.crew.slack", "the role's id on Slack, such as 'S0123ABCD'"),
        ("[roles.crew]\nslack = '<!subteam^S1|@crew>'\n", "roles.crew.slack", "write 'S1'"),
        ("[roles.crew]\ndiscord = '<@&7>'\n", "roles.crew.discord", "write '7'"),
        ("servers = ['My server']\n", "servers[1]", "the id of a Discord server"),
    ],
)
def test_a_name_or_mention_in_place_of_an_id_is_an_error_with_its_fix(file: Path, text: str, where: str, expected: str) -> None:
    error = refused(file, text)
    assert where in error
    assert expected in error


def test_the_smallest_and_the_largest_budget_of_a_run_are_accepted(file: Path) -> None:
    for amount in ("0.01", "1_000_000"):
        assert read(file, f"{AGENT}[team.review.bounds]\nmoney = {amount}\n").team().bounds.money == Decimal(amount)
    assert "0.01 to 1,000,000" in refused(file, f"{AGENT}[team.review.bounds]\nmoney = 0.009\n")


def test_a_provider_that_is_not_known_is_not_taken_for_another(file: Path) -> None:
    assert "did you mean" not in refused(file, AGENT.replace("scripted/yes", "groq/llama"))
    assert "did you mean 'openrouter/" in refused(file, AGENT.replace("scripted/yes", "openruter/x-ai/grok-4.3"))


def test_responsible_names_must_be_people_or_roles(file: Path) -> None:
    keys = '[team.review]\non_budget = "ask"\nresponsible = ["@bob"]\n'
    assert "team.review.responsible[1]" in refused(file, keys + AGENT)
    assert read(file, keys.replace("@bob", "humans") + AGENT).team().on_budget == "ask"


def test_an_unknown_team_is_reported_with_the_known_teams(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)found: +'revew'.*did you mean 'review'"):
        read(file, AGENT).team("revew")


def test_all_tables_are_read(file: Path) -> None:
    found = read(
        file,
        AGENT
        + """
[team.review.policy]
quorum = 2
expire_after = "1h 30m"
fallback = ["fail"]
[team.review.bounds]
money = 0.25
[team.review.limits]
per_run = 1
[people.alice]
slack = "U1"
time_zone = "Europe/Berlin"
[roles.backend]
people = ["alice"]
[permissions]
cancel = ["@alice", "role:backend"]
[models.mine]
base_url = "http://localhost:1/v1"
key_env = "MINE"
""",
    )
    team = found.team()
    assert (team.policy.quorum, team.policy.expire_after, team.policy.fallback[0].use) == (2, 5400.0, "fail")
    assert (str(team.bounds.money), team.limits.per_run) == ("0.25", 1)
    assert found.permissions.cancel == ("@alice", "role:backend")
    assert found.key_variables == {"MINE"}


def test_all_errors_are_reported_at_once_in_the_order_of_their_lines(file: Path) -> None:
    said = refused(file, 'defalt_team = "x"\n[team.review]\nask = ["nobody"]\n' + AGENT + "perona = 1\n[people.bob]\nmail = 2\n")
    assert said.startswith(f"{file}: 4 problems")
    assert re.findall(r"line (\d+): (\S+)", said) == [
        ("1", "defalt_team"),
        ("3", "team.review.ask[1]"),
        ("7", "team.review.agents[1].perona"),
        ("9", "people.bob.mail"),
    ]


@pytest.mark.parametrize(
    ("text", "where", "found", "expected"),
    [
        ("[team.review]\npollicy = {}\n" + AGENT, "team.review.pollicy", "the unknown key 'pollicy'", "did you mean 'policy'?"),
        ("[team.review]\nname = 'x'\n" + AGENT, "team.review.name", "the unknown key 'name'", "one of: about, agents, ask"),
        (AGENT + AGENT, "line 5: team.review.agents[2].name", "a second agent called 'author'", "a different name for each"),
        (AGENT.replace("yes", "no"), "team.review.agents[1].model", "there is no script 'no'", "a file no.toml"),
        (AGENT.replace("scripted/", "grak-"), "team.review.agents[1].model", "model 'grak-yes' is not known", "'provider/model'"),
        (AGENT.replace("author", "The Author"), "team.review.agents[1].name", "'The Author'", "lower-case letters, digits"),
        (AGENT.replace('name = "author"\n', ""), "team.review.agents[1].name", "nothing", "a value; this key has no default"),
        ("[team.review]\nagents = []\n", "line 2: team.review.agents", "nothing", "at least one [[team.review.agents]] table"),
        ("[team.review]\nabout = 'us'\n", "line 1: team.review.agents", "nothing", "with 'name' and 'model'"),
        (AGENT + "[team.review.policy]\nremind_after = '-5m'\n", "policy.remind_after", "'-5m' is negative", "0 or more"),
        (AGENT + "[team.review.policy]\nremind_after = -5\n", "policy.remind_after", "-5 is negative", "0 or more"),
        (AGENT + "[team.review.policy]\nexpire_after = 0\n", "policy.expire_after", "0 s", "1 s to 365 d"),
        (
            AGENT + "[team.review.policy]\nfallback = ['asume']\n",
            "policy.fallback[1]",
            "'asume'",
            "'default_option', 'agents', 'judge', 'assume' or",
        ),
        (
            AGENT + "[team.review.policy]\nfallback = ['default_option']\n",
            "review.policy",
            "'fallback' ends with",
            "'assume' or 'fail'",
        ),
        (AGENT + "[team.review.policy]\ndecider = '@eve'\n", "policy.decider", "'@eve'", "it defines none"),
        (AGENT + "[team.review.policy]\ndecider = 'eve'\n", "policy.decider", "'eve'", "a person, such as '@lead'"),
        (AGENT + "[rotations.oncall]\npeople = ['bob']\n", "rotations.oncall.people", "'bob'", "defines none"),
        (AGENT + "[rotations.oncall]\npeople = []\n", "rotations.oncall.people", "[]", "at least 1"),
        (AGENT + "[rotations.oncall]\npeople = ['a']\nhandover = 'noon'\n", "oncall.handover", "'noon'", "'monday 09:00'"),
        (AGENT + "[team.review.policy]\nescalate = [{after = 60, to = 'rotation:x'}]\n", "to", "'rotation:x'", "humans"),
        (AGENT + "[people.al]\nquiet_days = ['never']\n", "people.al.quiet_days", "'never'", "'weekends'"),
        (AGENT + "[team.review.policy]\nresponders = 'role:x'\n", "policy.responders", "'role:x'", "one of: asked, anyone"),
        (AGENT + "[team.review.policy]\nresponders = 'all'\n", "policy.responders", "'all'", "'asked', 'anyone' or a role"),
        (
            AGENT + "[team.review.policy]\nescalate = [{after = '5m', to = '@eve'}]\n",
            "policy.escalate[1].to[1]",
            "'@eve'",
            "one of: humans",
        ),
        (
            AGENT + "[team.review.policy]\nescalate = [{after = '1h', to = 'humans'}]\n",
            "review.policy",
            "'escalate' after 3600 s",
            "less than 'expire_after'",
        ),
        (AGENT + "[team.review.policy]\njudge = 'what'\n", "policy.judge", "model 'what' is not known", "'provider/model'"),
        (AGENT + "[[team.review.routes]]\nto = ['@eve']\nwords = ['db']\n", "routes[1].to[1]", "'@eve'", "one of: humans"),
        (AGENT + "[[team.review.routes]]\nto = ['humans']\nagents = ['x']\n", "routes[1].agents[1]", "'x'", "one of: author"),
        (AGENT + "[[team.review.routes]]\nto = 'humans'\n", "routes[1]", "a route for every question", "'words' or 'agents'"),
        (
            AGENT + "[[team.review.channels]]\nchannel = 'C1'\npolicy = {quorum = 'most'}\n",
            "team.review",
            "rules for the channel 'C1'",
            "keys of the policy",
        ),
        ("languages = ['none.toml']\n", "languages[1]", "'none.toml': No such file", "a readable file of words"),
        ("languages = 'fr'\n", "languages", "'fr'", "a list in square brackets: ['fr']"),
        ("[people.a]\nquiet = '22:00-07:00'\n", "people.a", "'quiet' without 'time_zone'", "the zone too"),
        ("[people.a]\nquiet = 'nights'\ntime_zone = 'UTC'\n", "people.a.quiet", "'nights'", "two different times of day"),
        (AGENT + "[team.review.policy]\nquorum = 'most'\n", "policy.quorum", "'most'", "'majority' or 'all' or a whole number"),
        (AGENT + "[team.review.policy]\nquorum = true\n", "policy.quorum", "true", "'majority' or 'all' or a whole number"),
        (AGENT + "[team.review.bounds]\ntries = true\n", "bounds.tries", "true", "a whole number"),
        (AGENT + "temperature = true\n", "agents[1].temperature", "true", "a number"),
        ("[models.m]\nbase_url = 'http://h/v1'\ncontext = true\n", "models.m.context", "true", "a whole number"),
        ("[models.m]\nbase_url = 'http://h/v1'\nrequests_per_minute = true\n", "requests_per_minute", "true", "a whole number"),
        ("[models.m]\nbase_url = 'http://h/v1'\ninput = true\n", "models.m.input", "true", "a number"),
        ("[budgets]\nday = true\n", "budgets.day", "true", "a number"),
        (AGENT + "[team.review.bounds]\nper_agent = 3\n", "bounds.per_agent", "unknown key", "[team.review.limits]"),
        (AGENT + "quorum = 'all'\n", "agents[1].quorum", "unknown key", "one of: name, model"),
        (AGENT + "tools = ['Web Search']\n", "agents[1].tools[1]", "'Web Search'", "a tool server or 'server.tool'"),
        (
            AGENT + "[[team.review.channels]]\nchannel = 'C1'\npolicy = {responders = 'role:x'}\n",
            "channels[1].policy.responders",
            "'role:x'",
            "one of: asked, anyone",
        ),
        (
            AGENT + "[[team.review.channels]]\nchannel = 'C1'\npolicy = {judge = 'what'}\n",
            "channels[1].policy.judge",
            "model 'what' is not known",
            "'provider/model'",
        ),
        (
            AGENT + "[team.review.policy]\nfallback = ['judge', 'assume', 'fail']\n",
            "policy.fallback[3]",
            "'fail'",
            "nothing after 'assume', which always decides",
        ),
        (AGENT.replace("scripted/yes", "grok-4.3-fats") + "effort = 'high'\n", "agents[1].model", "not listed", "did you mean"),
        (AGENT.replace("scripted/yes", "groq/llama") + "", "agents[1].model", "'groq/llama' is not known", "'provider/model'"),
        (
            "".join(AGENT.replace("author", f"a{number}") for number in range(17)),
            "team.review.agents",
            "17 entries",
            "at most 16 entries",
        ),
        (
            AGENT + "[[team.review.channels]]\nchannel = '#platform'\n",
            "channels[1].channel",
            "'#platform'",
            "'slack/C0123ABCD' on Slack",
        ),
        ("[permissions]\nstart = ['channel:#general']\n", "permissions.start[1]", "'channel:#general'", "the channel's id"),
        ("[budgets.channels]\n'discord:#general' = 1\n", "budgets.channels", "'discord:#general'", "the channel's id"),
        (AGENT + "[team.review.bounds]\ncalls = 1.5\n", "bounds.calls", "1.5", "a whole number"),
        (AGENT + "[team.review.bounds]\ncalls = 10_000_000_000\n", "bounds.calls", "10,000,000,000", "1 to 100,000"),
        (AGENT + "[team.review.bounds]\ncalls = 0\n", "bounds.calls", "0", "1 to 100,000"),
        (AGENT + "[team.review.bounds]\nmoney = 1e300\n", "bounds.money", "1E+300", "0.01 to 1,000,000"),
        (AGENT + "[team.review.bounds]\nmoney = nan\n", "bounds.money", "nan", "finite number"),
        (AGENT + "[team.review.bounds]\nwall = '9999999d'\n", "bounds.wall", "9999999 d", "1 s to 365 d"),
        (AGENT + "[team.review.bounds]\nmoney = -1\n", "bounds.money", "-1", "0.01 to 1,000,000"),
        ("[team.review]\nask = ['alice']\n" + AGENT + "[people.alice]\n", "ask[1]", "'alice'", "did you mean '@alice'?"),
        ("[team.review]\nask = ['agent:skeptic']\n" + AGENT, "ask[1]", "'agent:skeptic'", "humans, agents, agent:author"),
        ("[permissions]\nstart = ['@eve']\n", "permissions.start[1]", "'@eve'", "one of: anyone"),
        ("[roles.backend]\npeople = ['eve']\n", "roles.backend.people[1]", "'eve'", "it defines none"),
        ("[roles.backend]\n", "roles.backend", "a role without people", "'people'"),
        ("[people.alice]\ndiscord = 12\n", "people.alice.discord", "12", "a text in quotes"),
        (
            "[people.a]\nslack = 'U1'\n[people.b]\nslack = 'U1'\n",
            "people.b.slack",
            "'U1', which is also a's id",
            "only one person has",
        ),
        ("[people.alice]\ntime_zone = 'Europe/Berln'\n", "time_zone", "'Europe/Berln'", "did you mean 'Europe/Berlin'?"),
        ("[models.mine]\nid = 'what'\n", "models.mine.id", "model 'what' is not known", "'provider/model'"),
        ("[models.mine]\nbase_url = 'localhost'\n", "models.mine.base_url", "'localhost'", "begins with http://"),
        ("[models.'gpt-5']\ninput = 1\n", "models.gpt-5", "one of the prices", "both"),
        ("[models.'gpt-5']\nkey_env = 'sk-1'\n", "models.gpt-5.key_env", "'sk-1'", "not the key itself"),
        ("default_team = 'other'\n" + AGENT, "default_team", "'other'", "one of: review"),
        ("team = 5\n", "team", "5", "[team.<name>]"),
        ("[team]\nreview = 5\n", "team.review", "5", "a table: [team.review]"),
        ("[team.review]\n[team.review]\n", "line 2", "twice", "written twice"),
        ("x = 1\nx = 2\n", "line 2", "overwrite", "written twice"),
        ("x = \n", "line 1, column 5", "Invalid value", "valid TOML"),
    ],
)
def test_a_wrong_key_is_reported_with_its_path_and_the_found_and_expected_value(
    file: Path, text: str, where: str, found: str, expected: str
) -> None:
    said = refused(file, text)
    assert "1 problem" in said
    assert where in said
    assert found in said
    assert expected in said


def test_a_name_of_a_table_with_an_error_is_not_unknown(file: Path) -> None:
    said = refused(file, "[team.review]\nask = ['@bob']\n" + AGENT + "[people.bob]\nquiet = 3\n")
    assert re.findall(r"line (\d+): (\S+)", said) == [("7", "people.bob.quiet")]


def test_an_unknown_key_hides_no_other_error_of_its_table(file: Path) -> None:
    said = refused(file, AGENT + "[team.review.policy]\nquorun = 2\nfallback = ['default_option']\nexpire_after = -1\n")
    assert re.findall(r"line (\d+): (\S+)", said) == [
        ("5", "team.review.policy.quorun"),
        ("7", "team.review.policy.expire_after"),
    ]
    said = refused(file, AGENT + "[team.review.policy]\nquorun = 2\nfallback = ['default_option']\n")
    assert "'fallback' ends with 'default_option'" in said


def test_a_channel_has_rules_of_its_own(file: Path) -> None:
    rules = "[[team.review.channels]]\nchannel = 'slack/C1'\npolicy = {quorum = 'all'}\nlimits = {per_run = 2}\n"
    team = read(file, AGENT + rules).team()
    here = team.in_channel(Place(platform="slack", channel="C1"))
    assert (here.policy.quorum, here.limits.per_run, here.limits.per_agent) == ("all", 2, 3)
    assert team.in_channel(Place(platform="discord", channel="C1")) == team


def test_a_channel_may_be_named_in_a_permission(file: Path) -> None:
    assert read(file, "[permissions]\nanswer = ['channel:C1']\n").permissions.answer == ("channel:C1",)


def test_a_key_of_the_team_is_reported_once_although_a_channel_inherits_it(file: Path) -> None:
    rules = "[team.review.policy]\nresponders = 'role:x'\n[[team.review.channels]]\nchannel = 'C1'\npolicy = {quorum = 'all'}\n"
    assert refused(file, AGENT + rules).count("'role:x'") == 1


def test_a_provider_without_support_gets_no_other_provider_as_a_suggestion(file: Path) -> None:
    said = refused(file, AGENT.replace("scripted/yes", "groq/llama-3"))
    assert "base_url for any other OpenAI-compatible endpoint" in said
    assert "did you mean" not in said


def test_a_language_is_read_from_a_file_beside_the_team_file(file: Path) -> None:
    (file.parent / "fr.toml").write_text('yes = ["oui"]\nno = ["non"]\n')
    assert read(file, "languages = ['fr.toml']\n").languages[0].yes == ("oui",)


def test_a_long_or_disguised_value_is_shortened_and_escaped(file: Path) -> None:
    said = refused(file, AGENT.replace("author", "x" * 10_000 + "\\u202e"))
    assert "(10,003 characters)" in said or "(10,008 characters)" in said
    assert len(said) < 600
    assert "\u202e" not in refused(file, AGENT.replace("author", "\\u202eevil"))


def test_text_in_a_multi_line_string_is_not_mistaken_for_a_key(file: Path) -> None:
    text = '[team.review]\nabout = """\n[team.review.policy]\nquorum = 1\n"""\n' + AGENT + '[team.review.policy]\nquorum = "x"\n'
    assert "line 10: team.review.policy.quorum" in refused(file, text)


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_that_cannot_be_read_is_reported(file: Path, content: bytes | None) -> None:
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_team_file(file)


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + AGENT.replace("\n", "\r\n").encode())
    assert read_team_file(file).team().name == "review"


def test_the_example_file_is_valid_with_its_examples_uncommented() -> None:
    text = (ROOT / "townhall.toml").read_text()
    in_force = uncomment(text)
    assert read_team_file(ROOT / "townhall.toml").team() == DEMO_TEAM
    found = parse_team_file(in_force, ROOT / "townhall.toml")
    assert {"demo", "review"} == set(found.teams)
    review, demo = found.team("review"), found.team("demo")
    assert (review.policy, review.bounds, review.limits) == (demo.policy, demo.bounds, demo.limits), "said to be the defaults"


def uncomment(text: str) -> str:
    return re.sub(r"(?m)^# (?=\[|[a-z_]+ = |\"discord)", "", text)


def test_each_commented_part_of_the_example_file_is_valid_by_itself() -> None:
    text = (ROOT / "townhall.toml").read_text()
    before, *parts = re.split(r"(?m)^(?=# --- )", text)
    assert len(parts) > 5
    for part in parts:
        parse_team_file("".join([before, *(uncomment(each) if each is part else each for each in parts)]), ROOT / "townhall.toml")


def test_a_parameter_out_of_its_range_is_refused(file: Path) -> None:
    text = refused(file, AGENT + "temperature = 3\neffort = 'huge'\n")
    assert "team.review.agents[1].temperature" in text
    assert "2 or less" in text
    assert "team.review.agents[1].effort" in text


def test_parameters_are_kept_as_they_were_set(file: Path) -> None:
    (agent,) = read(file, AGENT + "temperature = 0.5\nmax_output = 900\nstop = ['END']\n").team().agents
    assert agent.parameters == {"temperature": 0.5, "stop": ("END",), "max_output": 900}


@pytest.mark.parametrize(
    "setting", ["presence_penalty = 0.5", "frequency_penalty = 0.5", "stop = ['END']", "effort = 'low'", "max_output = 10000000"]
)
def test_a_parameter_that_grok_4_1_fast_does_not_accept_is_refused_with_those_it_accepts(file: Path, setting: str) -> None:
    key = setting.partition(" ")[0]
    text = refused(file, AGENT.replace("scripted/yes", "grok-4.1-fast") + setting)
    assert f"line 4: team.review.agents[1].{key}" in text
    assert f"found:    {setting.replace('  ', ' ')}, which grok-4.1-fast does not accept" in text
    expected = "at most 30000" if key == "max_output" else "only parameters that it takes: temperature, top_p, max_output"
    assert f"expected: {expected}" in text


def test_an_effort_that_a_model_does_not_accept_is_refused_with_those_it_accepts(file: Path) -> None:
    grok = AGENT.replace("scripted/yes", "grok-4.3")
    assert read(file, grok + "effort = 'low'\n").team().agents[0].effort == "low"
    assert "one of: none, low, medium, high" in refused(file, grok + "effort = 'max'\n")


@pytest.mark.parametrize("depth", [1_000, 50_000])
@pytest.mark.parametrize(("before", "after"), [("x = ", ""), ("[team.review]\nask = ", "\n")], ids=["anywhere", "in a team"])
def test_brackets_nested_thousands_deep_are_reported(file: Path, depth: int, before: str, after: str) -> None:
    said = refused(file, f"{before}{'[' * depth}{']' * depth}{after}")
    assert "townhall.toml" in said
    assert "brackets nested hundreds deep" in said
    assert "tables and lists a few levels deep" in said


def test_tables_nested_thousands_deep_are_reported(file: Path) -> None:
    said = refused(file, f"[{'.'.join('x' * 5_000)}]\ny = 1\n")
    assert "the unknown key 'x'" in said


def test_every_pattern_of_a_key_or_setting_is_described_in_words() -> None:
    models: list[type[BaseModel]] = [
        TeamFile,
        Settings,
        *(platform.settings_model for platform in installed_platforms().usable.values()),
    ]
    found = set(re.findall(r'"pattern": "(.*?)"[,}]', json.dumps([model.model_json_schema() for model in models])))
    assert {pattern.replace("\\\\", "\\") for pattern in found} <= PATTERNS.keys()
