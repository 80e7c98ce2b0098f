"""The timeline and the keys of the transport, on a session file."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from players import ROOT, PaperEngine, until
from players import conductor as make_conductor
from sonickube_tui.entry import Listener
from sonickube_tui.event import Kind, Severity
from sonickube_tui.music.mixer import Channel
from sonickube_tui.music.snippets import Library
from sonickube_tui.replay import Replay
from sonickube_tui.session.counts import Counted, Counts
from sonickube_tui.session.format import Line, MixLine
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.player import Player
from sonickube_tui.session.when import clock
from sonickube_tui.ui.app import Console
from sonickube_tui.ui.timeline import HEAD, PIN, Column, Timeline, columns
from tapes import happened, marked, write
from ui.test_console import Show

pytestmark = pytest.mark.slow

ONE_OF_EACH = (1, 1, 1, 1, 1)


def test_columns_add_up_what_falls_into_them() -> None:
    counted = Counted(1.0, ((1, 0, 0, 0, 0), (0, 2, 0, 0, 0), (0, 0, 0, 1, 0), (0, 0, 0, 0, 0)))
    assert columns(counted, 4.0, 2) == [Column(3, Severity.INFO), Column(1, Severity.ERROR)]
    assert columns(counted, 4.0, 4)[3] == Column()


def test_columns_that_are_finer_than_the_counts_share_them() -> None:
    counted = Counted(1.0, (ONE_OF_EACH, (0,) * 5))
    assert columns(counted, 2.0, 8) == [Column(5, Severity.CRITICAL)] * 4 + [Column()] * 4


@pytest.mark.parametrize("width", [1, 7, 80, 3_000])
@pytest.mark.parametrize("duration", [0.01, 59.0, 5_000.0, 1e9])
def test_no_event_is_lost_between_columns(duration: float, width: int) -> None:
    counts = Counts()
    for part in range(100):
        counts.add(duration * part / 100, Severity.WARNING.rank)
    drawn = columns(counts.counted(), duration, width)
    assert len(drawn) == width
    if duration / width >= counts.width:
        assert sum(column.count for column in drawn) == 100
    assert all(column.worst is Severity.WARNING for column in drawn if column.count)


def test_without_a_length_there_is_nothing_to_draw() -> None:
    assert columns(Counted(1.0, ()), 0.0, 3) == [Column()] * 3


def test_times_of_one_session_are_equally_wide() -> None:
    assert [clock(t, 59) for t in (0, 59.9)] == ["00:00", "00:59"]
    assert [clock(t, 7200) for t in (0, 7199, 7200)] == ["0:00:00", "1:59:59", "2:00:00"]
    assert {len(clock(t, 400_000)) for t in (0, 3600, 40_000, 400_000)} == {9}


INCIDENT: list[Line] = [
    happened(0),
    happened(30, Kind.CRASHED, "payments", "ledger"),
    marked(60, "deploy"),
    happened(90, Kind.OOM_KILLED, "batch", "nightly"),
    MixLine(t=95, channels=(Channel("batch", muted=True),)),
    *(happened(100 + n / 10, Kind.CREATED, "shop", f"pod-{n}") for n in range(50)),
    marked(110, "rollback"),
    happened(120),
]


class Stage(Show):
    """A console that replays."""

    @property
    def player(self) -> Player:
        assert self.console._replay
        return self.console._replay.player

    @property
    def rows(self) -> list[str]:
        """The header and the timeline's rows below it."""
        return self.screen().splitlines()[: 1 + self.console.query_one(Timeline).size.height]


@asynccontextmanager
async def replay(
    tmp_path: Path, lines: list[Line] = INCIDENT, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Stage]:
    own = tmp_path / "own"
    own.mkdir()
    engine = PaperEngine()
    with open_session([write(tmp_path / "s.jsonl", lines)]) as session:
        player = Player(session)
        player.pause()
        desk = make_conductor(
            engine,
            Listener(),
            clock=lambda: player.now,
            library=Library([ROOT / "snippets" / "classic", own]),
        )
        show = Replay(player, desk)
        app = Console(desk, show.items(), save_to=own, keep_mix=lambda: None, replay=show)
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, pilot, engine)
            await until(lambda: session.caught_up and desk.mixer is not None)
            await pilot.pause(0.5)
            yield stage


async def test_the_timeline_shows_where_what_happened(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        show.player.seek(45)
        await show.pilot.pause(0.5)
        _, signs, graph, words = show.rows
        width = len(graph)
        assert signs.index("▲") == pytest.approx(width * 30 / 120, abs=2)
        assert signs.index("◆") == pytest.approx(width * 90 / 120, abs=2)
        assert [m.start() for m in re.finditer(PIN, signs)] == [
            pytest.approx(width * t / 120, abs=2) for t in (60, 110)
        ]
        assert signs.index(HEAD) == graph.index(HEAD) == pytest.approx(width * 45 / 120, abs=2)
        assert max(graph) == "█"
        assert graph.index("█") == pytest.approx(width * 100 / 120, abs=2)
        assert "❚❚ 00:45 / 02:00  ×1 " in words
        assert "s.jsonl" in words


async def test_space_speed_and_time_work_in_every_pane(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        for pane in (show.log, show.mixer, show.snippet, show.console.query_one(Timeline)):
            assert pane.has_focus
            playing = show.player.playing
            await show.press("space")
            assert show.player.playing is (playing if pane is show.snippet else not playing)
            await show.press("tab")
        await show.press(">", ">", "<")
        assert show.player.speed == 2
        assert "×2 " in show.rows[-1]


async def test_what_is_typed_is_text(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        await show.press("slash", *"n<b", "space", "t")
        assert (show.player.playing, show.player.speed, show.player.loop_from) == (False, 1, None)
        assert show.player.position == 0
        await show.press("escape", "tab", "tab", "space", "n")
        assert show.snippet.text.startswith(" n")
        assert not show.player.playing


async def test_errors_marks_and_times_are_gone_to_by_keys(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        for keys, place in [("n", 30), ("n", 90), ("N", 30), ("right_square_bracket", 60), ("n", 90)]:
            await show.press(keys)
            await until(lambda p=place: show.player.position == p)  # type: ignore[misc]
        await show.press("left_square_bracket")
        assert show.player.position == 60
        assert f"{PIN} deploy" in show.rows[-1]
        await show.press("t", *"1m", "enter")
        assert show.player.position == 60
        await show.press("t", *"-20s", "enter")
        assert show.player.position == 40
        await show.press("t", *"soon", "enter")
        assert "'soon' is no moment" in show.screen()
        await show.press("escape")
        assert show.player.position == 40
        await show.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        assert "no mark after this" in show.notices()
        await show.press("n")
        await until(lambda: "no error after this" in show.notices())


async def test_the_focused_timeline_goes_by_steps_and_to_both_ends(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        await show.press("shift+tab")
        assert show.console.query_one(Timeline).has_focus
        steps = [("right", 5), ("l", 10), ("shift+right", 70), ("left", 65), ("H", 5), ("G", 120), ("g", 0)]
        for key, place in steps:
            await show.press(key)
            assert show.player.position == place
        assert show.rows[-1].startswith(" ▸❚❚")


async def test_a_click_goes_there(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        await show.pilot.click(Timeline, offset=(59, 1))
        assert show.player.position == pytest.approx(60, abs=2)


async def test_a_loop_is_set_shown_and_cleared(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        await show.press("e")
        assert any("begin it with b" in text for text in show.notices())
        show.player.seek(30)
        await show.press("b")
        assert "loop 00:30–…" in show.rows[-1]
        show.player.seek(90)
        await show.press("e")
        await show.pilot.pause(0.3)
        assert "loop 00:30–01:30" in show.rows[-1]
        show.player.seek(60)
        await show.pilot.pause(0.3)
        assert show.rows[1].index("[") < show.rows[1].index(HEAD) < show.rows[1].index("]")
        await show.press("B")
        assert "loop 0" not in show.rows[-1]


async def test_after_a_jump_the_log_has_what_was_before_it(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        show.player.seek(100)
        await until(lambda: len(show.log.history) == 3)
        await show.pilot.pause(0.3)
        assert [show.log.history[row].event.pod for row in range(3)] == ["pod-0", "ledger", "nightly"]
        assert "past" in show.screen()
        await show.press("k", "enter")
        assert show.snippet.file_name == "crashed"
        show.player.seek(0)
        await until(lambda: len(show.log.history) == 0)
        await show.press("escape", "space")
        await until(lambda: len(show.log.history) == 1)


async def test_what_comes_all_at_once_is_shown_to_its_end(tmp_path: Path) -> None:
    lines: list[Line] = [happened(n / 10, pod=f"pod-{n}") for n in range(100)]
    async with replay(tmp_path, lines, size=(80, 24)) as show:
        show.player.seek(9.85)
        await until(lambda: "pod-98" in show.screen())


async def test_mixing_takes_the_mix_over_and_the_palette_gives_it_back(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        show.player.seek(96)
        await until(lambda: show.desk.mixer["batch"].muted)
        await show.press("tab", "m")
        assert not show.desk.mixer["batch"].muted
        await show.pilot.pause(0.3)
        assert "own mix" in show.rows[-1]
        show.console.query_one("#console").action_follow_mix()  # type: ignore[attr-defined]
        assert show.desk.mixer["batch"].muted
        assert "own mix" not in show.rows[-1]


async def test_a_low_terminal_has_signs_in_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with replay(tmp_path, size=(80, 24)) as show:
        _, graph, words = show.rows
        for sign in "▲◆▾┃":
            assert sign in graph
        assert "00:00 / 02:00" in words


async def test_nothing_jumps_while_it_plays(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        places = set()
        for position in (0, 7, 59, 61, 119):
            show.player.seek(position)
            await show.pilot.pause(0.3)
            places.add((show.rows[-1].index("/"), show.rows[-1].index("×")))
        assert len(places) == 1


async def test_the_end_is_shown_as_the_end(tmp_path: Path) -> None:
    async with replay(tmp_path) as show:
        await show.press("shift+tab", "G", "space")
        await until(lambda: show.player.at_end)
        await show.pilot.pause(0.3)
        assert "■  02:00 / 02:00" in show.rows[-1]


async def test_help_and_footer_have_the_transport_only_in_a_replay(tmp_path: Path) -> None:
    async with replay(tmp_path, size=(160, 70)) as show:
        await until(lambda: "pause" in show.screen().splitlines()[-1])
        assert "record" not in show.screen().splitlines()[-1]
        await show.press("?")
        for words in ("to the next error", "begin a loop here", "a minute back"):
            assert words in show.screen()
        assert "end the recording" not in show.screen()
        await show.press("escape", "r", "M")
        await until(show.notices)
        assert show.notices() == ["paper"]


async def test_an_empty_session_can_be_looked_at(tmp_path: Path) -> None:
    async with replay(tmp_path, []) as show:
        await show.press("space", "n", "shift+tab", "right", "G")
        assert "00:00 / 00:00" in show.rows[-1]
