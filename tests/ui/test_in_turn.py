"""Keys in one packet: each does what it would have done had the one before been waited for."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from textual import events
from textual.screen import Screen
from textual.widgets import OptionList

from players import event, until
from sonickube_tui.event import Kind
from sonickube_tui.session.format import MarkLine
from sonickube_tui.session.opening import open_session
from sonickube_tui.ui import in_turn
from sonickube_tui.ui.dialogs import Paper, Unsaved
from sonickube_tui.ui.events import FilterInput
from sonickube_tui.ui.palette import CommandPalette
from ui.test_console import LETTERS, Show, console, many, typed
from ui.test_deck import recording
from ui.test_timeline import replay

pytestmark = pytest.mark.slow


def top(show: Show) -> type[Screen[object]]:
    return type(show.console.screen)


@pytest.mark.parametrize(
    ("packet", "left"),
    [
        (["/", "/"], "/"),
        (["/", *"a/b"], "a/b"),
        (["/", *"one", "backspace", "home", "t"], "ton"),
        (["/", *"one", "enter", "/", "end", *" two"], "one two"),
        (["/", *"one", "escape", "/", *"two"], "two"),
    ],
)
async def test_the_filter_in_one_packet(tmp_path: Path, packet: list[str], left: str) -> None:
    async with console(tmp_path, *many(60)) as show:
        show.send(*packet)
        await until(lambda: typed(show) == left)
        assert isinstance(show.console.focused, FilterInput)


async def test_the_log_has_the_keys_behind_enter_and_behind_escape(tmp_path: Path) -> None:
    async with console(tmp_path, *many(60)) as show:
        show.send("/", *"pod-01", "enter", "k", "k")
        await until(lambda: show.log.below == 2)
        assert len(show.log.history) == 10
        show.send("/", "escape", "g")
        await until(lambda: show.log.below == 59)


async def test_what_is_pasted_keeps_its_place_among_the_keys(tmp_path: Path) -> None:
    async with console(tmp_path, *many(60)) as show:
        show.send("/", "a", events.Paste("quota"), "b", events.Paste(" c"))
        await until(lambda: typed(show) == "aquotab c")


async def test_a_window_left_behind_a_key_takes_none_of_the_keys(tmp_path: Path) -> None:
    async with console(tmp_path, *many(60)) as show:
        show.send("/", events.AppBlur(), events.AppFocus(), "a", events.AppBlur(), "b")
        await until(lambda: typed(show) == "ab")


async def test_a_click_waits_for_the_keys_before_it(tmp_path: Path) -> None:
    async with console(tmp_path, *many(60)) as show:
        at = show.log.region.offset
        button = (at.x + 5, at.y + 2, 0, 0, 1, False, False, False)
        show.send("/", *"pod", events.MouseDown(None, *button), events.MouseUp(None, *button), "k")
        await until(lambda: typed(show) == "pod" and show.log.has_focus and show.log.below)
        assert len(show.log.history) == 60


@pytest.mark.parametrize("opener", [":", "ctrl+p"])
async def test_the_palette_takes_every_key_behind_its_own(tmp_path: Path, opener: str) -> None:
    async with console(tmp_path, *many(60)) as show:
        show.send(opener, *LETTERS, opener, ":")
        await until(lambda: typed(show).startswith(LETTERS) and typed(show).endswith(":"))
        assert len(show.console.screen_stack) == 2


async def test_the_palette_runs_what_its_line_says(tmp_path: Path) -> None:
    async with console(tmp_path, *many(60)) as show:
        show.send(":", *"bright room", "enter", "d", ":", *"crash_loop.rb", "enter", *"# mine")
        await until(lambda: show.snippet.text.startswith("# mine"))
        assert show.snippet.file_name == "crash_loop"
        assert show.console.theme == "light"
        assert show.desk.mixer.dimmed
        show.send("escape", ":", *"discard", "backspace", "escape", ":", *"clear all solos", "enter", "d")
        await until(lambda: not show.desk.mixer.dimmed)
        assert len(show.console.screen_stack) == 1


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["pagedown", "pageup", "down"], 1),
        (["pagedown", "down", "down", "up"], 9),
        (["down", *"sto", "down"], 1),
        ([*"no such command", "down", "pagedown", "enter"], None),
    ],
)
async def test_the_palette_is_moved_in_before_it_is_drawn(
    tmp_path: Path, keys: list[str], chosen: int | None
) -> None:
    async with console(tmp_path) as show:
        show.send(":", *keys)
        await until(lambda: [one.highlighted for one in show.console.screen.query(OptionList)] == [chosen])
        assert top(show) is CommandPalette
        show.send("escape", "d")
        await until(lambda: show.desk.mixer.dimmed)


async def test_clicks_beside_the_palette_close_it_once(tmp_path: Path) -> None:
    async with console(tmp_path) as show:
        button = (1, 1, 0, 0, 1, False, False, False)
        click = [events.MouseDown(None, *button), events.MouseUp(None, *button)]
        show.send(":", *click, *click, "d")
        await until(lambda: show.desk.mixer.dimmed)
        assert len(show.console.screen_stack) == 1


async def test_the_snippet_takes_every_key_behind_enter(tmp_path: Path) -> None:
    for size in ((120, 40), (80, 24)):
        home = tmp_path / str(size[0])
        home.mkdir()
        async with console(home, event(Kind.READY), event(Kind.CRASHED), size=size) as show:
            show.send("enter", *"quit", "enter", *LETTERS, "escape", "k", "enter", *"# two", "escape", "d")
            await until(lambda show=show: show.desk.mixer.dimmed)
            assert show.snippet.text.startswith("# two")
            assert show.snippet.drafts["crashed"].startswith(f"quit\n{LETTERS}")


@pytest.mark.parametrize(
    ("keys", "screen"),
    [
        ("?", Paper),
        ("??", Screen),
        ("?q", Screen),
        ("o", Paper),
        ("oq", Screen),
        ("pp", Screen),
        ("?q?", Paper),
    ],
)
async def test_what_is_read_takes_the_keys_behind_its_own(
    tmp_path: Path, keys: str, screen: type[Screen[object]]
) -> None:
    async with console(tmp_path, event()) as show:
        await until(lambda: show.engine.played)
        show.send(*keys)
        await until(lambda: top(show) is screen)
        show.send(*(["escape"] if screen is Paper else []), "d")
        await until(lambda: show.desk.mixer.dimmed)


@pytest.mark.parametrize(
    ("answer", "ends", "saved"),
    [("s", True, True), ("d", True, False), ("escape", False, False)],
)
async def test_the_answer_right_behind_the_wish_to_quit(
    tmp_path: Path, answer: str, ends: bool, saved: bool
) -> None:
    async with console(tmp_path, event(Kind.READY)) as show:
        show.send("enter", *"# q", "escape", "q", answer, "d")
        await until(lambda: not show.console.is_running if ends else show.desk.mixer.dimmed)
        assert ends or top(show) is not Unsaved
    assert (tmp_path / "own" / "ready.rb").exists() is saved


async def test_an_opener_that_opens_nothing_takes_no_keys(tmp_path: Path) -> None:
    async with recording(tmp_path) as show:
        show.send("M", "M", "d", "tab", "m")
        await until(lambda: show.desk.mixer["shop"].muted)
        assert show.desk.mixer.dimmed
        assert show.notices().count("nothing is recorded: r begins a recording") == 2
        assert len(show.console.screen_stack) == 1


async def test_a_mark_takes_every_key_behind_its_own(tmp_path: Path) -> None:
    async with recording(tmp_path) as show:
        await show.press("r")
        await until(lambda: "● REC" in show.screen())
        show.send("M", "M", *LETTERS, "enter", "M", "x", "escape", "M", *"last", "enter", "r")
        await until(lambda: any(re.match(r"recorded 0:00:\d\d", text) for text in show.notices()))
    [path] = (tmp_path / "sessions").iterdir()
    with open_session([path], follow=False) as session:
        assert session.wait(20)
        marks = [line.text for line in session.lines() if isinstance(line, MarkLine)]
    assert marks == [f"M{LETTERS}", "last"]


async def test_a_time_takes_every_key_behind_its_own(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        show.send("t", *"1m", "enter", "t", *"n-20sq", "enter", "backspace")
        await until(lambda: "'n-20sq' is no moment" in show.screen())
        await until(lambda: typed(show) == "n-20s")
        show.send("home", "delete", "enter")
        await until(lambda: show.player.position == 40)


async def test_what_hangs_does_not_keep_anybody_from_quitting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_turn, "PATIENCE", 0.2)
    freed = asyncio.Event()
    async with console(tmp_path, *many(3)) as show:
        show.log.call_later(freed.wait)
        show.send("k", "ctrl+q")
        await until(lambda: not show.console.is_running)
        freed.set()
