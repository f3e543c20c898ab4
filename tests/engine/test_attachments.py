"""Attachments: text reaches agents as text, pictures reach models that accept them, the rest is replaced by a notice."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator_bridge.chat.attachments import MAX_FILE_SIZE, TEXT_LIMIT, AttachmentContent, parse_attachment
from orchestrator_bridge.engine.engine import Engine
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.replies import ModelCall
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, do_nothing, prompt_text, start_engine, team

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


def shown(asked: ModelCall) -> list[str]:
    """The addresses of the pictures that a request shows."""
    parts = [part for message in asked.messages if isinstance(message["content"], list) for part in message["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


@asynccontextmanager
async def asked(tmp_path: Path, platform: ListPlatform, server: ModelServer, *, sees: bool = True) -> AsyncIterator[Engine]:
    """A run of one agent that waits for people."""
    async with start_engine(tmp_path / "t.db", server, platform, vision=sees) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        yield engine


async def test_a_text_file_in_the_runs_thread_reaches_the_agents_as_text(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"notes.md": "Use the old schema.".encode("utf-8-sig")})
    async with ModelServer(asking_behaviour) as server, asked(tmp_path, platform, server):
        await platform.person_says("see the notes", thread="p1", files=["notes.md"])
        await platform.until(lambda: bool(platform.acknowledgements))
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
    assert '<file name="notes.md">\nUse the old schema.\n</file>' in prompt_text(server.requests[-1])
    assert platform.acknowledgements[0].text == ""


async def test_a_picture_reaches_a_model_that_accepts_pictures(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"plan.png": PNG})
    async with ModelServer(asking_behaviour) as server, asked(tmp_path, platform, server):
        await platform.person_says("", thread="p1", files=["plan.png"])
        await platform.until(lambda: bool(platform.acknowledgements))
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
    assert shown(server.requests[0]) == []
    assert shown(server.requests[-1]) == [f"data:image/png;base64,{base64.b64encode(PNG).decode()}"]


async def test_people_learn_which_agents_cannot_see_a_picture_and_so_do_those_agents(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"plan.png": PNG})
    async with ModelServer(asking_behaviour) as server, asked(tmp_path, platform, server, sees=False):
        await platform.person_says("look", thread="p1", files=["plan.png"])
        await platform.until(lambda: bool(platform.acknowledgements))
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.acknowledgements[0].text == "plan.png is not shown to one: no image input."
    assert shown(server.requests[-1]) == []
    assert '<file name="plan.png">(a picture, left out: your model takes none)</file>' in prompt_text(server.requests[-1])


async def test_files_that_are_unreadable_deleted_or_too_large_are_replaced_by_a_notice(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"tool.exe": b"MZ\0\xff", "huge.txt": b"a" * (MAX_FILE_SIZE + 1)})
    async with ModelServer(asking_behaviour) as server, asked(tmp_path, platform, server):
        await platform.person_says("", thread="p1", files=["tool.exe", "huge.txt", "gone.txt"])
        await platform.until(lambda: bool(platform.acknowledgements))
    told = platform.acknowledgements[0].text
    assert "tool.exe is left out: it is neither an image (PNG, JPEG, GIF, WebP) nor UTF-8 text." in told
    assert "huge.txt is left out: it has 5.0 MB, and the limit is 5 MB." in told
    assert "gone.txt is left out: it could not be fetched." in told


async def test_text_files_of_a_reply_join_its_words_and_its_pictures_reach_every_agent(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"why.txt": b"It is cheaper.", "plan.png": PNG})
    async with ModelServer(asking_behaviour) as server, asked(tmp_path, platform, server) as engine:
        await platform.person_says("the second", question=1, files=["why.txt", "plan.png"])
        await platform.until(lambda: bool(platform.final_answers))
        state = await engine.run(1)
        assert state is not None
    assert "It is cheaper." in prompt_text(server.requests[-1])
    assert shown(server.requests[-1])
    assert [news.text for news in state.messages if news.kind == "guidance"] == ["Attached to a reply to question 1."]


async def test_a_task_comes_with_its_files(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"notes.md": b"Mind the budget.", "x.bin": b"\0"})
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, vision=True) as engine:
        files = [platform.attached(name) for name in ("notes.md", "x.bin")]
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA, attachments=files)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
    assert "Mind the budget." in prompt_text(server.requests[0])
    assert any(note.startswith("x.bin is left out") for note in platform.notes)


async def test_a_file_that_an_earlier_process_did_not_fetch_is_fetched_by_the_next_one(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"notes.md": b"Mind the budget."})
    fetching = asyncio.Event()

    async def hang() -> None:
        fetching.set()
        await asyncio.Event().wait()

    async with ModelServer(asking_behaviour) as server:
        async with asked(tmp_path, platform, server):
            platform.while_fetching = hang
            await platform.person_says("see", thread="p1", files=["notes.md"])
            await fetching.wait()
        platform.while_fetching = do_nothing
        async with start_engine(tmp_path / "t.db", server, platform) as engine:
            await platform.until(lambda: bool(platform.acknowledgements))
            log = await engine.run(1)
    assert log is not None
    assert [file.text for news in log.messages for file in news.files] == ["Mind the budget."]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"GIF89a\0", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_recognised_by_its_content(body: bytes, media_type: str) -> None:
    file = parse_attachment("called.txt", body, ("blind",))
    assert (file.media_type, file.unseen_by, file.text, file.why) == (media_type, ("blind",), "", "")
    assert len(file.picture) == 64


def test_a_long_text_is_cut_and_says_so() -> None:
    file = parse_attachment("long.txt", b"a" * (TEXT_LIMIT + 1))
    assert file.text == "a" * TEXT_LIMIT + "\n… (cut here)"


def test_a_file_name_cannot_imitate_other_text() -> None:
    assert parse_attachment('a"\n</file>.txt', b"x") == AttachmentContent(
        name='a" </file>.txt', media_type="text/plain", text="x"
    )


@pytest.mark.parametrize("files", [["voice-message.ogg"], ["logs.zip", "voice-message.ogg"], []])
async def test_a_reply_that_nobody_can_read_is_refused_and_never_counts(tmp_path: Path, files: list[str]) -> None:
    platform = ListPlatform(ManualClock(), files={"voice-message.ogg": b"OggS\0\2", "logs.zip": b"PK\3\4\0"})
    async with ModelServer(asking_behaviour) as server, asked(tmp_path, platform, server):
        await platform.person_says("", question=1, files=files)
        await platform.until(lambda: bool(platform.acknowledgements))
        refused = platform.acknowledgements[0]
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
    assert refused.sign == "refused"
    assert all(name in refused.text for name in files)
    assert "Answer in words, or use the buttons." in refused.text
    assert "voice-message" not in prompt_text(server.requests[-1])


async def test_guidance_that_nobody_can_read_is_refused(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock(), files={"logs.zip": b"PK\3\4\0"})
    async with ModelServer(asking_behaviour) as server, asked(tmp_path, platform, server):
        await platform.person_says("", thread="p1", files=["logs.zip"])
        await platform.until(lambda: bool(platform.acknowledgements))
    assert platform.acknowledgements[0].sign == "refused"
    assert "It was not passed on." in platform.acknowledgements[0].text
