"""A proxy in `.env` serves Discord, Slack and models alike; this machine is reached directly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
ENV = """\
HTTP_PROXY=http://user:pr0xypass@127.0.0.1:{proxy}
DISCORD_TOKEN=MTIzNDU2Nzg5MDEyMzQ1Njc4.Gxxxxx.yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
DISCORD_API_URL=http://discord.example/api/v10
SLACK_BOT_TOKEN=xoxb-1-2-3
SLACK_APP_TOKEN=xapp-1-2-3
SLACK_API_URL=http://slack.example/api/
"""
TEAM = """\
[[team.one.agents]]
name = "far"
model = "far"
[[team.one.agents]]
name = "near"
model = "near"
[models.far]
base_url = "http://models.example/v1"
[models.near]
base_url = "http://127.0.0.1:{near}/v1"
"""


class RecordingServer(ThreadingHTTPServer):
    """Refuses every request, and records its target."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.targets: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Refusal(BaseHTTPRequestHandler):
    server: RecordingServer

    def do_GET(self) -> None:
        self.server.targets.append(self.path)
        self.send_response(401)
        self.send_header("Content-Length", "2")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.do_GET()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


@pytest.fixture
def servers() -> Iterator[tuple[RecordingServer, RecordingServer]]:
    pair = RecordingServer(), RecordingServer()
    for server in pair:
        Thread(target=server.serve_forever, daemon=True).start()
    yield pair
    for server in pair:
        server.shutdown()
        server.server_close()


def test_every_connection_but_those_to_this_machine_uses_the_proxy(
    tmp_path: Path, servers: tuple[RecordingServer, RecordingServer]
) -> None:
    proxy, near = servers
    (tmp_path / ".env").write_text(ENV.format(proxy=proxy.port))
    (tmp_path / "townhall.toml").write_text(TEAM.format(near=near.port))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bot", "doctor", "--online"]
    report = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert report.returncode == 1
    hosts = {target.split("/")[2] for target in proxy.targets}
    assert hosts == {"discord.example", "slack.example", "models.example"}, report.stdout + report.stderr
    assert near.targets
    assert all(target.startswith("/v1") for target in near.targets)
    assert "pr0xypass" not in report.stdout + report.stderr
