"""Starts and connections: valid and invalid tokens, sockets that are closed, cut or silent, and signatures in HTTP mode."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.slack.connection_watch import read_outage
from adapters.slack.platform import PLATFORM, SlackSettings
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import MessageDeleted, MessageReceived
from orchestrator_bridge.chat.platform import PlatformContext
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.fake_slack.fixture import SlackDriver, SlackHttpDriver, slack_driver, slack_http_driver
from tests.support.fake_slack.posting import SECRET, Posting
from tests.support.fake_slack.server import APP_TOKEN, BOT_TOKEN, SlackServer
from tests.support.fake_slack.state import ANA, APP, GENERAL, TEAM


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


async def said(driver: SlackDriver) -> str:
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived)
    return heard.text


# Tokens -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "setting"), [(BOT_TOKEN, "SLACK_BOT_TOKEN"), (APP_TOKEN, "SLACK_APP_TOKEN")])
async def test_a_rejected_token_ends_the_start_with_the_fix(server: SlackServer, token: str, setting: str) -> None:
    server.tokens[token] = "invalid_auth"
    with pytest.raises(SendRejected, match=f"{setting}: .*reinstall"):
        await SlackDriver(server).start()


async def test_an_unreachable_slack_can_be_tried_again(server: SlackServer) -> None:
    with pytest.raises(NotSent, match="cannot be reached"):
        await SlackDriver(server, url="http://127.0.0.1:9/api/").start()


@pytest.mark.parametrize(("path", "told"), [("nowhere", "SLACK_API_URL"), ("upload", r"auth\.test")])
async def test_an_address_that_is_not_slacks_is_reported(server: SlackServer, path: str, told: str) -> None:
    with pytest.raises(NotSent, match=told):
        await SlackDriver(server, url=f"{server.methods.url}/{path}/").start()


async def test_without_the_right_to_see_user_groups_the_bot_works_all_the_same(server: SlackServer) -> None:
    server.world.scopes = server.world.scopes - {"usergroups:read"}
    driver = SlackDriver(server)
    await driver.start()
    assert driver.adapter.members("S1CREW") is None
    await driver.post(RUN)
    await driver.adapter.stop()


async def test_without_token_and_secret_the_start_is_rejected(server: SlackServer) -> None:
    with pytest.raises(SendRejected, match="SLACK_APP_TOKEN"):
        await SlackDriver(server, app_token=None).start()


# Sockets ------------------------------------------------------------------------------------------------------------------


async def test_after_a_lost_connection_only_the_threads_of_open_questions_and_live_runs_are_read() -> None:
    async with slack_driver(ping_interval=0.05) as driver:
        people = driver.server.people
        run, over = await driver.post(RUN), await driver.post(replace(RUN, run=4))
        ended, asked = await driver.post(question(7)), await driver.post(question(2))
        await driver.post(closed(question(7)), replaces=ended)
        await driver.post(replace(RUN, run=4, ended=True), replaces=over)
        gone = people.say(ANA, GENERAL, "gone soon", asked.thread)
        changed = people.say(ANA, GENERAL, "SQLite", asked.thread)
        assert [await said(driver), await said(driver)] == ["gone soon", "SQLite"]
        await driver.server.until(lambda: not driver.world.unacknowledged)
        before = driver.server.sockets.count
        driver.server.sockets.cut()
        people.say(ANA, GENERAL, "mind the budget", run.thread, delivered=False)
        people.say(ANA, GENERAL, "missed", asked.thread, delivered=False)
        people.change(GENERAL, changed["ts"], "PostgreSQL", delivered=False)
        people.delete(GENERAL, gone["ts"], delivered=False)
        await driver.server.until(lambda: driver.server.sockets.count > before)
        heard = [await driver.next_event() for _ in range(4)]
        assert [item.message for item in heard if isinstance(item, MessageDeleted)] == [gone["ts"]]
        assert [item.text for item in heard if isinstance(item, MessageReceived)] == ["mind the budget", "PostgreSQL", "missed"]
        reads = [request.about for request in driver.server.requests if request.path == "conversations.replies"]
        assert set(reads) == {run.thread, asked.thread}


async def test_a_silent_socket_is_replaced() -> None:
    async with slack_driver(ping_interval=0.05) as driver:
        run = await driver.post(RUN)
        driver.server.sockets.silent = True
        before = driver.server.sockets.count
        await driver.server.until(lambda: driver.server.sockets.count > before)
        driver.server.sockets.silent = False
        await driver.say(driver.thread(run), "heard again")
        assert await said(driver) == "heard again"


async def test_a_failed_connection_is_retried_with_a_new_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.socket_mode.CONNECT", 0.2)
    async with slack_driver(ping_interval=0.05) as driver:
        opened = driver.server.count("apps.connections.open")
        driver.server.sockets.refused = 1
        driver.server.sockets.cut()
        before = driver.server.sockets.count
        await driver.server.until(lambda: driver.server.sockets.count > before)
        assert driver.server.count("apps.connections.open") >= opened + 2


async def test_a_connection_that_is_refused_for_long_is_in_the_log_and_in_doctor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with slack_driver(ping_interval=0.05, report_after=0.1, folder=tmp_path) as driver:
        driver.server.sockets.refused = 1_000
        driver.server.sockets.cut()
        await driver.server.until(lambda: read_outage(tmp_path, time.time()))  # each attempt to connect is a change
        assert "nothing that people do on Slack arrives" in caplog.text
        settings = SlackSettings(SLACK_BOT_TOKEN=BOT_TOKEN, SLACK_APP_TOKEN=APP_TOKEN, SLACK_API_URL=driver.server.url)
        found = [item async for item in PLATFORM.check(settings, PlatformContext(data=tmp_path))]
        assert [item.state for item in found if item.about == "slack connection"] == ["wrong"]
        await driver.adapter.stop()
        assert read_outage(tmp_path, time.time()) is None, "no bot runs, so it has no outage"


async def test_an_event_that_could_not_be_stored_is_not_acknowledged_and_is_delivered_again() -> None:
    async with slack_driver() as driver:
        run = await driver.post(RUN)
        driver.fail_next_store()
        message = driver.server.people.say(ANA, GENERAL, "keep this", run.thread)
        await driver.wait_broken()
        assert driver.world.unacknowledged
        await driver.reconnect()
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.message == message["ts"]


# HTTP ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def http() -> AsyncIterator[SlackHttpDriver]:
    async with slack_http_driver() as driver:
        yield driver


def reply(driver: SlackHttpDriver, thread: str | None, **outer: str) -> str:
    event = {"type": "message", "user": ANA, "text": "1", "ts": driver.world.stamp(), "channel": GENERAL, "thread_ts": thread}
    return json.dumps({"type": "event_callback", "team_id": TEAM, "api_app_id": APP, "event_id": "E1", "event": event, **outer})


async def test_a_valid_signature_is_accepted(http: SlackHttpDriver) -> None:
    asked = await http.post(question())
    assert await http.posting.post(reply(http, asked.thread)) == 200
    assert await said(http) == "1"


@pytest.mark.parametrize(
    ("secret", "age", "headers"),
    [
        ("another", 0.0, {}),
        (SECRET, 301.0, {}),
        (SECRET, -400.0, {}),
        (SECRET, 0.0, {"X-Slack-Signature": ""}),
        (SECRET, 0.0, {"X-Slack-Signature": "v0=é"}),
        (SECRET, 0.0, {"X-Slack-Request-Timestamp": "soon"}),
    ],
)
async def test_a_bad_or_old_signature_is_refused(http: SlackHttpDriver, secret: str, age: float, headers: dict[str, str]) -> None:
    asked = await http.post(question())
    assert await http.posting.post(reply(http, asked.thread), secret=secret, at=time.time() - age, **headers) == 401
    assert await http.posting.post(reply(http, asked.thread)) == 200
    assert await said(http) == "1"


@pytest.mark.parametrize("outer", [{"team_id": "T9AWAY"}, {"api_app_id": "A9OTHER"}])
async def test_another_team_or_app_is_refused_even_with_our_signature(http: SlackHttpDriver, outer: dict[str, str]) -> None:
    assert await http.posting.post(reply(http, "1.1", **outer)) == 403


async def test_an_event_that_could_not_be_stored_is_answered_with_an_error(http: SlackHttpDriver) -> None:
    asked = await http.post(question())
    http.fail_next_store()
    assert await http.posting.post(reply(http, asked.thread)) == 500
    assert await http.posting.post(reply(http, asked.thread)) == 200


async def test_slack_can_verify_the_address(http: SlackHttpDriver) -> None:
    assert await http.posting.post(json.dumps({"type": "url_verification", "challenge": "c4a11"})) == 200
    assert json.loads(http.posting.text) == {"challenge": "c4a11"}


@pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"type":'])
async def test_a_request_is_not_parsed_before_its_signature_is_verified(http: SlackHttpDriver, body: str) -> None:
    assert await http.posting.post(body, secret="another") == 401
    assert await http.posting.post(body) == 400


@pytest.mark.parametrize("sent", ["POST /slack/ev", "POST /slack/events HTTP/1.1\r\nHost: bot\r\n"])
async def test_a_sender_that_never_finishes_its_headers_is_cut_off(sent: str) -> None:
    async with slack_http_driver(read_timeout=0.1) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.slack.port)
        writer.write(sent.encode())
        assert await reader.read() == b""
        writer.close()


async def test_a_sender_that_never_finishes_its_body_is_cut_off() -> None:
    async with slack_http_driver(read_timeout=0.1) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.slack.port)
        signed = f"X-Slack-Signature: v0=ab\r\nX-Slack-Request-Timestamp: {time.time():.0f}\r\n"
        writer.write(f"POST /slack/events HTTP/1.1\r\nHost: bot\r\nContent-Length: 9\r\n{signed}\r\n{{".encode())
        assert b"408" in await reader.read()
        writer.close()


async def test_a_body_is_not_read_without_a_signature(http: SlackHttpDriver) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", http.slack.port)
    writer.write(b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nContent-Length: 900000\r\n\r\n")
    assert b"401" in await reader.readline()
    writer.close()


async def test_only_connections_of_this_machine_are_accepted_unless_set() -> None:
    assert SlackSettings().http_host == "127.0.0.1"
    async with SlackServer() as server:
        driver = SlackDriver(server, app_token=None, signing_secret=SECRET, host="203.0.113.7")
        with pytest.raises(SendRejected, match=r"TOWNHALL_HTTP_HOST=203\.0\.113\.7"):
            await driver.start()


async def test_an_oversized_request_is_refused(http: SlackHttpDriver) -> None:
    assert await http.posting.post("x" * 2_000_000) == 413


async def test_a_port_in_use_is_reported_with_its_setting(http: SlackHttpDriver) -> None:
    async with SlackServer() as server, Posting(server):
        driver = SlackDriver(server, app_token=None, signing_secret=SECRET, port=http.slack.port)
        with pytest.raises(SendRejected, match=f"TOWNHALL_HTTP_PORT={http.slack.port}"):
            await driver.start()
