"""The library on real files: what is saved is in use, and nothing that is broken ever is."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from players import classic, until
from sonickube_tui.event import Kind, Severity
from sonickube_tui.music.snippets import Change, Library

BROKEN = "play 60\nplay 61)\n"


@pytest.fixture
def chime(tmp_path: Path) -> Path:
    """A snippet in a folder of its own."""
    file = tmp_path / "shipped" / "chime.rb"
    file.parent.mkdir()
    file.write_text("play 60")
    return file


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An empty folder for the user's snippets."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


class Told(list[Change]):
    """What the library told, and of one snippet only."""

    def of(self, name: str) -> list[Change]:
        return [change for change in self if change.name == name]


@asynccontextmanager
async def watching(library: Library) -> AsyncIterator[Told]:
    """The library at watch; entered when the watch has begun, which a probe tells."""
    told, stop = Told(), asyncio.Event()

    async def listen() -> None:
        async for change in library.watch(stop):
            told.append(change)

    task = asyncio.create_task(listen())
    try:
        for tries in itertools.count():
            (library.folders[0] / "probe.rb").write_text(f"sleep {tries}")
            await asyncio.sleep(0.1)
            if told or task.done():
                break
        yield told
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await task


def text_of(library: Library, name: str = "chime") -> str | None:
    snippet = library.get(name)
    return snippet and snippet.text


def save_in_place(file: Path, text: str) -> None:
    file.write_text(text)


def replace(file: Path, text: str) -> None:
    written = file.with_suffix(".tmp")
    written.write_text(text)
    written.replace(file)


def save_as_vim_does(file: Path, text: str) -> None:
    backup = file.with_name(file.name + "~")
    file.rename(backup)
    file.write_text(text)
    backup.unlink()


def delete(file: Path) -> None:
    file.unlink()


def rename(file: Path, name: str) -> None:
    file.rename(file.with_name(name))


@pytest.mark.parametrize("save", [save_in_place, replace, save_as_vim_does])
async def test_what_is_saved_is_in_use(chime: Path, save: Callable[[Path, str], None]) -> None:
    library = Library([chime.parent])
    async with watching(library) as told:
        for note in (61, 62):
            save(chime, f"play {note}")
            await until(lambda text=f"play {note}": text_of(library) == text)
        await until(lambda: told.of("chime"))
    assert told.of("chime")[-1] == Change("chime", True, "chime.rb is in use")


async def test_a_new_file_is_a_new_snippet(chime: Path) -> None:
    library = Library([chime.parent])
    async with watching(library):
        (chime.parent / "bell.rb").write_text("play 72")
        await until(lambda: text_of(library, "bell") == "play 72")
    assert {"bell", "chime"} <= set(library.names)


async def test_a_deleted_file_falls_back_to_its_severitys_snippet(chime: Path) -> None:
    (chime.parent / "hum.rb").write_text("play 40")
    library = Library([chime.parent])
    theme = msgspec.structs.replace(classic(), snippets={Kind.READY: "chime"}, fallback={Severity.OK: "hum"})
    async with watching(library) as told:
        delete(chime)
        await until(lambda: told.of("chime"))
    [gone] = told.of("chime")
    assert not gone.ok
    assert gone.message.startswith("chime.rb is gone; ")
    assert (picked := library.pick(theme, Kind.READY)) is not None
    assert picked.name == "hum"


async def test_a_renamed_file_is_gone_and_there_again(chime: Path) -> None:
    library = Library([chime.parent])
    async with watching(library) as told:
        rename(chime, "bell.rb")
        await until(lambda: told.of("chime") and told.of("bell"))
    assert library.get("chime") is None
    assert text_of(library, "bell") == "play 60"


async def test_a_file_that_does_not_parse_keeps_the_last_good_version_until_it_is_mended(chime: Path) -> None:
    library = Library([chime.parent])
    async with watching(library) as told:
        replace(chime, BROKEN)
        await until(lambda: told.of("chime"))
        says = f"{chime}, line 2: unexpected ')'; the last good version plays on"
        assert library.problems == [Change("chime", False, says, line=2)]
        assert told.of("chime")[0] == library.problems[0]
        assert text_of(library) == "play 60"
        replace(chime, "play 60")
        await until(lambda: not library.problems)
    assert told.of("chime")[-1].ok


async def test_the_users_file_hides_the_shipped_one_and_gives_it_back(chime: Path, own: Path) -> None:
    library = Library([chime.parent, own])
    mine = own / "chime.rb"
    async with watching(library):
        replace(mine, "play 72")
        await until(lambda: text_of(library) == "play 72")
        replace(chime, "play 61")
        replace(mine, "play 73")
        await until(lambda: text_of(library) == "play 73")
        delete(mine)
        await until(lambda: text_of(library) == "play 61")
    assert (given_back := library.get("chime")) is not None
    assert given_back.file == chime


async def test_a_broken_file_of_the_user_is_no_problem_any_more_when_it_is_deleted(
    chime: Path, own: Path
) -> None:
    library = Library([chime.parent, own])
    mine = own / "chime.rb"
    async with watching(library):
        replace(mine, BROKEN)
        await until(lambda: library.problems)
        assert text_of(library) == "play 60"
        delete(mine)
        await until(lambda: not library.problems)
    assert text_of(library) == "play 60"


async def test_files_that_are_no_snippets_are_not_told(chime: Path) -> None:
    library = Library([chime.parent])
    async with watching(library) as told:
        for name in ("notes.txt", "bell.rb~", ".bell.rb.swp", "4913"):
            (chime.parent / name).write_text(BROKEN)
        (chime.parent / "last.rb").write_text("play 72")
        await until(lambda: told.of("last"))
    assert {change.name for change in told} <= {"probe", "last"}


def test_a_later_folder_hides_an_earlier_one(chime: Path, own: Path) -> None:
    (own / "chime.rb").write_text("play 72")
    (own / "bell.rb").write_text("play 84")
    library = Library([chime.parent, own, own / "nowhere"])
    assert library.names == ["bell", "chime"]
    assert text_of(library) == "play 72"
    assert text_of(Library([own, chime.parent])) == "play 60"


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (BROKEN.encode(), 2, "chime.rb, line 2: unexpected ')'"),
        (b"# \xe9t\xe9", 0, "chime.rb: 'utf-8' codec can't decode"),
    ],
)
def test_what_is_wrong_from_the_start_is_a_problem_and_the_rest_sounds(
    chime: Path, content: bytes, line: int, says: str
) -> None:
    (chime.parent / "bell.rb").write_text("play 72")
    chime.write_bytes(content)
    library = Library([chime.parent])
    assert library.names == ["bell"]
    [problem] = library.problems
    assert (problem.name, problem.ok, problem.line) == ("chime", False, line)
    assert says in problem.message
    assert "last good version" not in problem.message


def test_an_editors_hidden_file_is_no_snippet(chime: Path) -> None:
    (chime.parent / ".#chime.rb").symlink_to("me@desk.4711")
    assert Library([chime.parent]).problems == []


@pytest.mark.parametrize(
    ("snippets", "fallback", "picked"),
    [
        ({Kind.READY: "chime"}, {Severity.OK: "hum"}, "chime"),
        ({Kind.READY: "missing"}, {Severity.OK: "hum"}, "hum"),
        ({}, {Severity.OK: "hum"}, "hum"),
        ({}, {Severity.INFO: "hum"}, None),
        ({Kind.READY: ""}, {Severity.OK: "hum"}, None),
        ({Kind.READY: "missing"}, {Severity.OK: "missing"}, None),
    ],
)
def test_the_snippet_for_a_kind(
    chime: Path, snippets: dict[Kind, str], fallback: dict[Severity, str], picked: str | None
) -> None:
    (chime.parent / "hum.rb").write_text("play 40")
    theme = msgspec.structs.replace(classic(), snippets=snippets, fallback=fallback)
    snippet = Library([chime.parent]).pick(theme, Kind.READY)
    assert (snippet and snippet.name) == picked


def test_lent_texts_come_before_the_folders_as_long_as_they_are_lent(chime: Path) -> None:
    library = Library([chime.parent])
    own = library.get("chime")
    library.lend({"chime": "play 11", "drum": "play 12", "broken": "play chord(:e2", "../../out": "play 13"})
    assert library.names == ["chime", "drum"]
    assert [snippet and snippet.text for snippet in map(library.get, library.names)] == ["play 11", "play 12"]
    library.lend({})
    assert (library.names, library.get("chime")) == (["chime"], own)
