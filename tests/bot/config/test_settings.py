from __future__ import annotations

from pathlib import Path

import pytest

from adapters.slack.platform import PLATFORM as SLACK
from bot.config.errors import ConfigError
from bot.config.settings import read_settings

KEY = "xai-0123456789abcdefghij"


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def refused(env_file: Path, **environ: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        read_settings(env_file, environ)
    return str(refusal.value)


def test_without_a_file_and_an_environment_the_defaults_apply(env_file: Path) -> None:
    settings = read_settings(env_file, {})
    assert (settings.data, settings.team_file, settings.log_level) == (Path("data"), Path("townhall.toml"), "info")
    assert settings.xai_api_key is None
    assert not settings.names_team_file


def test_the_environment_takes_precedence_over_the_file(env_file: Path) -> None:
    env_file.write_text("TOWNHALL_DATA=/from/file\nTOWNHALL_LOG_LEVEL=debug\n")
    settings = read_settings(env_file, {"TOWNHALL_DATA": "/from/environment"})
    assert (settings.data, settings.log_level) == (Path("/from/environment"), "debug")


def test_an_empty_value_counts_as_unset(env_file: Path) -> None:
    env_file.write_text(f"XAI_API_KEY={KEY}\nOPENAI_API_KEY=\nTOWNHALL_HTTP_PORT=  \n")
    settings = read_settings(env_file, {"OPENAI_API_KEY": ""})
    assert settings.openai_api_key is None
    assert settings.of_platform(SLACK).http_port == 3000


def test_spaces_and_quotes_around_a_key_are_removed(env_file: Path) -> None:
    env_file.write_text(f'XAI_API_KEY = "{KEY}"  # mine\nOPENAI_API_KEY=a$b\n')
    settings = read_settings(env_file, {"OPENROUTER_API_KEY": f" {KEY}\n"})
    assert settings.secrets() == {"XAI_API_KEY": KEY, "OPENROUTER_API_KEY": KEY, "OPENAI_API_KEY": "a$b"}


def test_every_wrong_value_is_reported_with_its_place_and_the_expected_value(env_file: Path) -> None:
    env_file.write_text("# mine\nTOWNHALL_HTTP_PORT=99999\nXAI_BASE_URL=localhost:1\n")
    said = refused(env_file, TOWNHALL_LOG_LEVEL="loud", DISCORD_GATEWAY_URL="http://here")
    assert "4 problems" in said
    assert "TOWNHALL_HTTP_PORT (.env, line 2)" in said
    assert "'99999'" in said
    assert "a port number from 1 to 65535" in said
    assert "TOWNHALL_LOG_LEVEL (the environment)" in said
    assert "'debug', 'info', 'warning' or 'error'" in said
    assert "begins with http:// or https://" in said
    assert "begins with ws:// or wss://" in said


@pytest.mark.parametrize("value", ["abc", "0", "-5", "12345678901234567890", "1.5"])
def test_a_server_id_that_is_no_id_is_reported_as_such(env_file: Path, value: str) -> None:
    said = refused(env_file, DISCORD_GUILD=value)
    assert f"found:    '{value}'" in said or f"a value of {len(value)} characters" in said
    assert "expected: a server's id, such as 123456789012345678" in said
    assert "port" not in said


def test_slack_tokens_in_each_others_place_are_recognised_and_not_shown(env_file: Path) -> None:
    said = refused(env_file, SLACK_BOT_TOKEN="xapp-1-SECRETSECRET", SLACK_APP_TOKEN="nonsense-SECRETSECRET")
    assert "a token that begins with 'xapp-'" in said
    assert "a bot token, which begins with 'xoxb-'" in said
    assert "SECRET" not in said.replace("SLACK_SIGNING_SECRET", "")


@pytest.mark.parametrize("name", ["XAI_API_KEY", "XAI_BASE_URL", "TOWNHALL_HTTP_PORT", "TOWNHALL_LOG_LEVEL", "SLACK_BOT_TOKEN"])
def test_a_key_under_any_name_is_never_shown(env_file: Path, name: str) -> None:
    env_file.write_text(f"{name}='{KEY} {KEY}'\n")
    said = refused(env_file)
    assert name in said
    assert KEY not in said


def test_a_password_in_an_address_is_not_shown(env_file: Path) -> None:
    said = refused(env_file, XAI_BASE_URL="ftp://me:hunter22@host/")
    assert "'ftp://…@host/'" in said
    assert "hunter22" not in said


def test_no_secret_is_in_the_repr(env_file: Path) -> None:
    assert KEY not in repr(read_settings(env_file, {"XAI_API_KEY": KEY, "MY_KEY": KEY}))


def test_other_variables_are_ignored_and_a_misspelt_setting_gives_a_warning(env_file: Path) -> None:
    env_file.write_text("DATABASE=there\nTOWNHALL_DTA=./here\n")
    (warning,) = read_settings(env_file, {"TOWNHALL_LOG_LEVEL": "INFO"}).warnings()
    assert warning == "TOWNHALL_DTA (.env, line 2) is not a setting and has no effect; did you mean 'TOWNHALL_DATA'?"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DISCORD_BOT_TOKEN", "DISCORD_TOKEN"),
        ("SLACK_TOKEN", "SLACK_BOT_TOKEN"),
        ("SLACK_API_TOKEN", "SLACK_BOT_TOKEN"),
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("xai_api_key", "XAI_API_KEY"),
        ("Anthropic_Key", "ANTHROPIC_API_KEY"),
        ("OPENAI_APIKEY", "OPENAI_API_KEY"),
        ("TOWNHAL_DATA", "TOWNHALL_DATA"),
        ("townhall_data", "TOWNHALL_DATA"),
    ],
)
def test_a_variable_named_like_a_setting_gives_a_warning_with_the_right_name(env_file: Path, name: str, meant: str) -> None:
    env_file.write_text(f"{name}=abc\n")
    (warning,) = read_settings(env_file, {}).warnings()
    assert warning == f"{name} (.env, line 1) is not a setting and has no effect; did you mean '{meant}'?"
    assert read_settings(env_file, {}).warnings(frozenset({name})) == []
    assert read_settings(env_file, {meant: "xoxb-1"}).warnings() == []


@pytest.mark.parametrize(
    "name", ["DATABASE", "PATH", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "SLACK_CHANNEL", "OPENAI_ORG_ID", "HOME"]
)
def test_variables_of_other_programs_give_no_warning(env_file: Path, name: str) -> None:
    assert read_settings(env_file, {name: "abc"}).warnings() == []


def test_the_home_folder_may_be_written_as_a_tilde(env_file: Path) -> None:
    env_file.write_text("TOWNHALL_DATA=~/there\nTOWNHALL_TEAM_FILE='~/team.toml'\n")
    settings = read_settings(env_file, {})
    assert (settings.data, settings.team_file) == (Path.home() / "there", Path.home() / "team.toml")
    assert "whose home folder is not known" in refused(env_file, TOWNHALL_DATA="~no-such-user/x")


def test_a_dangling_link_to_a_file_is_reported(env_file: Path) -> None:
    env_file.symlink_to("nowhere")
    assert "found:    a link to 'nowhere', which does not exist" in refused(env_file)


def test_a_key_variable_of_the_team_file_is_found_and_kept_secret(env_file: Path) -> None:
    env_file.write_text("MY_LLAMA=from-file\n")
    settings = read_settings(env_file, {"SOME_PASSWORD": "pass"})
    key = settings.key("MY_LLAMA")
    assert key is not None
    assert key.get_secret_value() == "from-file"
    assert settings.secrets(frozenset({"MY_LLAMA", "UNSET"})) == {"MY_LLAMA": "from-file", "SOME_PASSWORD": "pass"}


def test_a_line_that_is_not_an_assignment_is_reported_but_not_shown(env_file: Path) -> None:
    env_file.write_text(f"XAI_API_KEY={KEY}\n{KEY}\nA = 'b\n")
    said = refused(env_file)
    assert ".env, line 2" in said
    assert ".env, line 3" in said
    assert KEY not in said


@pytest.mark.parametrize("content", [b"XAI_API_KEY=\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_reported(env_file: Path, content: bytes | None) -> None:
    env_file.mkdir() if content is None else env_file.write_bytes(content)
    assert f"{env_file} cannot be read" in refused(env_file)


def test_a_base_url_replaces_the_address_of_its_provider(env_file: Path) -> None:
    settings = read_settings(env_file, {"XAI_BASE_URL": "http://localhost:1/v1"})
    assert settings.base_urls == {"xai": "http://localhost:1/v1"}
