"""The console without a terminal: what keys do, and what is drawn."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.events import Event as MessageEvent
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input, Static

from players import PaperEngine, event, score, until
from players import conductor as make_conductor
from sonickube_tui.engine.base import Failed, Status
from sonickube_tui.engine.bridge import Bridge
from sonickube_tui.entry import Fate, Listener, Notice
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Link, Severity
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.snippets import Library
from sonickube_tui.ui.app import Console
from sonickube_tui.ui.dialogs import Paper, Unsaved
from sonickube_tui.ui.events import EventLog
from sonickube_tui.ui.mixer import MixerPanel
from sonickube_tui.ui.snippet import SnippetPane

SHIPPED = Path(__file__).parents[2] / "snippets" / "classic"
WATCHING = Connection(at=1.0, cluster="prod-eu", link=Link.WATCHING, pods=412)


LETTERS = "quota gGkjbilnNodprMBet"
"""Each of them is a key of the log, of a replay or of the console."""


class Show:
    """A console at work, and the parts that tests look at."""

    def __init__(self, console: Console, pilot: Pilot[None], engine: PaperEngine) -> None:
        self.console, self.pilot, self.engine = console, pilot, engine
        self.desk = console.conductor
        self.log = console.query_one(EventLog)
        self.mixer = console.query_one(MixerPanel)
        self.snippet = console.query_one(SnippetPane)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def send(self, *packet: str | MessageEvent) -> None:
        """Keys and other events, as they come when the terminal sends all of them at once."""
        for one in packet:
            if isinstance(one, str):
                one = Key(_character_to_key(one), one) if len(one) == 1 else Key(one, None)
            self.console.post_message(one)

    async def happen(self, *events: Event) -> None:
        for one in events:
            self.desk.take(one)
        await until(lambda: not self.desk._merger and len(self.log.history) == self.desk.events)
        await self.pilot.pause(0.3)

    def screen(self) -> str:
        """The text on the screen."""
        strips = self.console.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    def notices(self) -> list[str]:
        return [notice.message for notice in self.console._notifications]


@asynccontextmanager
async def console(
    tmp_path: Path,
    *items: Item,
    size: tuple[int, int] = (120, 40),
    engine: PaperEngine | None = None,
    source: AsyncIterator[Item] | None = None,
) -> AsyncIterator[Show]:
    engine = engine or PaperEngine()
    own = tmp_path / "own"
    own.mkdir()
    desk = make_conductor(engine, Listener(), library=Library([SHIPPED, own]))
    kept: list[int] = []
    app = Console(desk, source or score(WATCHING, *items), save_to=own, keep_mix=lambda: kept.append(1))
    async with app.run_test(size=size) as pilot:
        show = Show(app, pilot, engine)
        if source is None:
            await until(
                lambda: desk.connections and desk.events == sum(isinstance(item, Event) for item in items)
            )
            await pilot.pause(0.3)
        yield show


def typed(show: Show) -> str:
    """What is in the field that is open; nothing while there is none."""
    return "".join(field.value for field in show.console.screen.query(Input))


def many(count: int, namespace: str = "shop") -> Iterable[Event]:
    return (event(Kind.CREATED, namespace, f"pod-{n:03}") for n in range(count))


async def test_an_event_is_a_row_with_its_fate(tmp_path: Path) -> None:
    async with console(
        tmp_path, event(Kind.OOM_KILLED, "payments", "ledger-0", reason="OOMKilled"), size=(160, 40)
    ) as show:
        await until(lambda: "♪ 4 ms" in show.screen())
        row = next(line for line in show.screen().splitlines() if "ledger-0" in line)
        for part in ("payments", "◆ oom killed", "OOMKilled", "♪ 4 ms"):
            assert part in row
        assert "prod-eu ▸ 412 pods" in show.screen()
        assert "paper" in show.screen()
        assert "oom_killed.rb  payments/ledger-0 oom killed" in show.screen()


async def test_the_log_follows_until_one_moves_up_and_again_from_the_newest(tmp_path: Path) -> None:
    async with console(tmp_path, *many(60)) as show:
        assert show.log.selected is not None
        assert show.log.selected.event.pod == "pod-059"
        await show.press("up", "k")
        await show.happen(*many(30))
        assert show.log.selected.event.pod == "pod-057"
        assert show.log.below == 32
        assert "90, 32 below" in show.screen()
        await show.press("G")
        assert (show.log.following, show.log.below) == (True, 0)
        await show.press("home")
        assert show.log.selected.event.pod == "pod-000"
        assert "pod-000" in show.screen()
        await show.press("end")
        assert show.log.following


async def test_scrolling_up_stops_following_and_scrolling_down_takes_it_up_again(tmp_path: Path) -> None:
    async with console(tmp_path, *many(90)) as show:
        await until(lambda: show.log.max_scroll_y > 10)
        show.log.scroll_relative(y=-10, animate=False)
        await until(lambda: not show.log.following)
        top = show.log.scroll_offset.y
        await show.happen(*many(20))
        assert show.log.scroll_offset.y == top
        show.log.scroll_end(animate=False)
        await until(lambda: show.log.following)


async def test_a_filter_shows_what_has_all_its_words(tmp_path: Path) -> None:
    events = [*many(20), event(Kind.CRASHED, "payments", "ledger-0"), *many(20)]
    async with console(tmp_path, *events) as show:
        await show.press("/", *"ledger crash")
        assert [show.log.history[0].event.pod, len(show.log.history)] == ["ledger-0", 1]
        assert "1 of 41" in show.screen()
        await show.press("enter")
        assert show.log.has_focus
        assert len(show.log.history) == 1
        await show.press("escape")
        assert len(show.log.history) == 41


async def test_the_filter_takes_every_key_behind_its_own(tmp_path: Path) -> None:
    async with console(tmp_path, *many(60)) as show:
        show.send("/", *LETTERS)
        await until(lambda: typed(show) == LETTERS)
        assert show.log.following
        assert not show.desk.mixer.dimmed


async def test_keys_mix_the_selected_channel(tmp_path: Path) -> None:
    async with console(tmp_path, event(namespace="batch"), event(namespace="shop")) as show:
        mixer = show.desk.mixer
        await until(lambda: len(show.engine.played) == 2)
        await show.press("tab", "j", "m")
        assert [channel.muted for channel in mixer] == [False, True]
        assert show.engine.levels == {101: Level(), 102: Level(0.0)}
        assert "[M] S" in show.screen()
        await show.press("s", "k", "h", "left", "l")
        assert [(c.soloed, c.gain_db) for c in mixer] == [(False, -1.0), (True, 0.0)]
        await until(lambda: "by solo" in show.screen())
        await show.press("x", "0")
        assert [(c.soloed, c.gain_db) for c in mixer] == [(False, 0.0), (False, 0.0)]


async def test_keys_pan_the_selected_channel(tmp_path: Path) -> None:
    async with console(tmp_path, event(namespace="batch"), event(namespace="shop")) as show:
        await until(lambda: len(show.engine.played) == 2)
        await show.press("tab", "j", *4 * "H")
        assert [channel.pan for channel in show.desk.mixer] == [0.0, -0.4]
        assert show.engine.levels == {101: Level(), 102: Level(1.0, -0.4)}
        assert "  L40  M  S " in show.screen()
        await show.press(*20 * ["shift+right"], "shift+left", "L", "L")
        assert show.desk.mixer["shop"].pan == 1.0
        assert " R100  M  S " in show.screen()
        await show.press("m", "c")
        assert [channel.pan for channel in show.desk.mixer] == [0.0, 0.0]
        assert show.engine.levels[102] == Level(0.0, 0.0)
        assert "    C [M] S " in show.screen()


async def test_a_row_of_the_mixer_fits_into_eighty_columns(tmp_path: Path) -> None:
    async with console(tmp_path, event(namespace="kube-system"), size=(80, 24)) as show:
        await until(lambda: show.engine.played)
        show.desk.mixer.set_pan("kube-system", -1.0)
        show.desk.mixer.set_gain("kube-system", -20.0)
        show.desk.health.suffer(show.desk.clock(), "kube-system", 20.0)
        await until(lambda: "do not resuscitate" in show.screen())
        row = next(line for line in show.screen().splitlines() if "L100" in line)
        assert "kube-system" in row
        assert "-20.0" in row


async def test_enter_opens_the_snippet_that_played_the_event(tmp_path: Path) -> None:
    async with console(tmp_path, event(Kind.CRASH_LOOP)) as show:
        await show.press("enter")
        assert show.snippet.has_focus
        assert show.snippet.text == (SHIPPED / "crash_loop.rb").read_text()
        assert "crash_loop.rb · classic" in show.screen()
        await show.press("escape")
        assert show.log.has_focus


async def test_an_edit_is_heard_without_saving_and_kept_by_saving(tmp_path: Path) -> None:
    async with console(tmp_path, event(Kind.READY)) as show:
        await until(lambda: show.engine.played)
        await show.press("enter", *"sleep 1", "enter")
        assert "● edited" in show.screen()
        await show.press("alt+r")
        await until(lambda: len(show.engine.played) == 2)
        voice, text = show.engine.played[1]
        assert text.startswith("sleep 1\n")
        assert voice.event.kind is Kind.READY
        await until(lambda: "♪ heard after 4 ms" in show.screen())
        assert not (tmp_path / "own" / "ready.rb").exists()
        await asyncio.sleep(0.5)  # The watch on the folder needs a moment to begin.
        await show.press("ctrl+s")
        assert (tmp_path / "own" / "ready.rb").read_text() == text
        assert "edited" not in show.screen()
        await until(lambda: show.desk.library.get("ready").text == text)  # type: ignore[union-attr]


async def test_a_typing_error_is_told_with_its_line(tmp_path: Path) -> None:
    async with console(tmp_path) as show:
        show.snippet.load_text("play 60\nplay chord(:e2\n")
        await until(lambda: "✗ line 2" in show.screen())


async def test_a_failure_is_shown_in_the_log_and_in_the_pane(tmp_path: Path) -> None:
    async with console(tmp_path, event(Kind.READY), engine=PaperEngine(reports=False)) as show:
        await until(lambda: show.engine.played)
        show.engine.report(Failed(1, "NameError", "undefined method `plau'", 3))
        await until(lambda: "✗ line 3" in show.screen())
        await show.press("enter")
        assert "✗ line 3: NameError: undefined method" in show.screen()
        assert show.snippet.cursor_location[0] == 2


async def test_a_file_saved_elsewhere_is_shown_but_never_over_an_edit(tmp_path: Path) -> None:
    async with console(tmp_path, event(Kind.READY), event(Kind.CREATED)) as show:
        await asyncio.sleep(0.5)
        assert show.snippet.file_name == "ready"
        (tmp_path / "own" / "ready.rb").write_text("play 60")
        await until(lambda: show.snippet.text == "play 60")
        await show.press("tab", "tab", *"#")
        (tmp_path / "own" / "ready.rb").write_text("play 61")
        await until(lambda: any("your edit is kept" in text for text in show.notices()))
        assert show.snippet.text == "#play 60"


async def test_drafts_are_kept_while_others_are_read_and_asked_about_before_quitting(tmp_path: Path) -> None:
    async with console(tmp_path, event(Kind.CREATED), event(Kind.READY)) as show:
        await until(lambda: len(show.engine.played) == 2)
        await show.press("enter", *"#one", "escape", "up", "enter")
        assert show.snippet.file_name == "created"
        await show.press("escape", "down", "enter")
        assert show.snippet.text.startswith("#one")
        await show.press("ctrl+q")
        assert isinstance(show.console.screen, Unsaved)
        await show.press("escape")
        assert show.snippet.dirty
        await show.press("ctrl+q", "s")
        await until(lambda: not show.console.is_running)
    assert (tmp_path / "own" / "ready.rb").read_text().startswith("#one")


async def test_q_quits_from_the_log_and_types_in_the_editor(tmp_path: Path) -> None:
    async with console(tmp_path) as show:
        await show.press("tab", "tab", "q")
        assert show.snippet.text.startswith("q")
        assert show.console.is_running
        await show.press("ctrl+z", "escape", "q")
        await until(lambda: not show.console.is_running)


async def test_stop_silences_what_sounds(tmp_path: Path) -> None:
    async with console(tmp_path, event()) as show:
        await until(lambda: show.engine.played)
        await show.press("alt+s")
        assert show.engine.stopped == [101]


async def test_help_lists_every_action_and_the_packet_can_be_read(tmp_path: Path) -> None:
    async with console(tmp_path, event(), size=(100, 60)) as show:
        await show.press("?")
        assert isinstance(show.console.screen, Paper)
        for words in ("mute the channel", "Ctrl+S", "stop all sound", "◆ critical"):
            assert words in show.screen()
        await show.press("escape", "p")
        assert "last packet: /run-code" in show.screen()
        await show.press("q")
        assert not isinstance(show.console.screen, Paper)


async def test_the_palette_finds_actions_and_snippets(tmp_path: Path) -> None:
    async with console(tmp_path) as show:
        await show.press(":", *"crash_loop")
        await until(lambda: "crash_loop.rb" in show.screen())
        await show.press("enter")
        await until(lambda: show.snippet.file_name == "crash_loop")
        await show.press("escape", ":", *"bright room")
        await until(lambda: "colours for a dark" in show.screen())
        await show.press("enter")
        await until(lambda: show.console.theme == "light")


SHUT = Connection(at=1.0, cluster="prod-us", link=Link.REFUSED, detail="log in again")


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_of_several_clusters_each_row_and_strip_has_its_cluster(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    events = [
        event(Kind.READY, "payments", "ledger-0", prefix="prod-eu/"),
        event(Kind.READY, "payments", "ledger-1", prefix="prod-us/"),
        event(Kind.READY, "kube-system", "coredns-5d78c9869d-4xkqp", prefix="prod-us/"),
    ]
    async with console(tmp_path, SHUT, *events, size=size) as show:
        header, *_ = show.screen().splitlines()
        assert "prod-us refused: log in again  prod-eu ▸ 412 pods" in header
        rows = [line for line in show.screen().splitlines() if "○ ready" in line]
        for row, name in zip(rows, ("prod-eu/payments", "prod-us/payments", "us/kube-system"), strict=True):
            assert name in row
        await show.press("tab")
        strips = [line for line in show.screen().splitlines() if " M  S " in line]
        assert len(strips) == 3
        for strip, name in zip(
            strips, ("prod-eu/payments", "prod-us/kube-system", "prod-us/payments"), strict=True
        ):
            assert name in strip
        await show.press("m")
        assert [channel.muted for channel in show.desk.mixer] == [True, False, False]


async def test_a_list_that_comes_in_is_a_bar_in_the_header(tmp_path: Path) -> None:
    listing = [
        Connection(at=1.0, cluster="prod-eu", link=Link.LISTING, pods=pods, expected=10_000)
        for pods in (500, 7_500)
    ]
    more = asyncio.Event()

    async def source() -> AsyncIterator[Item]:
        yield listing[0]
        await more.wait()
        yield listing[1]
        await asyncio.Event().wait()

    async with console(tmp_path, source=source(), size=(80, 24)) as show:
        await until(lambda: "prod-eu ▸ listing    500 of 10,000 ▱▱▱▱▱▱▱▱  " in show.screen())
        more.set()
        await until(lambda: "prod-eu ▸ listing  7,500 of 10,000 ▰▰▰▰▰▰▱▱  " in show.screen())


@pytest.mark.parametrize("size", [(79, 30), (100, 23)])
async def test_a_terminal_that_is_too_small_is_told_so(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path, size=size) as show:
        assert f"SonicKube needs 80x24; this is {size[0]}x{size[1]}" in show.screen()
        await show.pilot.resize_terminal(80, 24)
        await show.pilot.pause(0.1)
        assert "events" in show.screen()
        assert not show.console.query_one("#too-small", Static).display or "needs" not in show.screen()


async def test_mixer_and_snippet_share_a_place_in_a_narrow_terminal(tmp_path: Path) -> None:
    async with console(tmp_path, event(), size=(80, 24)) as show:
        assert show.mixer.display
        await show.press("enter")
        assert show.snippet.has_focus
        assert "ready.rb" in show.screen()
        assert "mixer" not in show.screen()
        await show.press("shift+tab")
        assert show.mixer.has_focus
        assert "mixer" in show.screen()


async def test_what_the_user_can_mend_ends_the_console_with_its_words(tmp_path: Path) -> None:
    async def refusing() -> AsyncIterator[Item]:
        raise UserError("log in again")
        yield

    async with console(tmp_path, source=refusing()) as show:
        await until(lambda: not show.console.is_running)
    assert str(show.console.failure) == "log in again"


async def test_messages_from_the_cluster_cannot_steer_the_terminal(tmp_path: Path) -> None:
    hostile = event(Kind.CRASHED, pod="\x1b[2Jevil", message="\x1b]0;title\x07 [bold]not markup[/bold]\n")
    async with console(tmp_path, hostile, size=(230, 40)) as show:
        assert "\x1b" not in show.screen()
        assert "[2Jevil" in show.screen()
        assert "[bold]not markup" in show.screen()


async def test_what_is_in_a_snippet_cannot_steer_the_terminal_and_stays_as_it_is(tmp_path: Path) -> None:
    text = "# a \x1b]52;c;cm0=\x1b\\bell\x1b[2J \u202e\x9b31m\n\tplay :c4\n"
    async with console(tmp_path, event()) as show:
        show.snippet.open("other", text)
        await show.pilot.pause(0.3)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", show.screen())
        assert "# a  ]52;c;cm0= \\bell [2J   31m" in show.screen()
        assert "    play :c4" in show.screen()
        assert show.snippet.text == text


async def test_the_bridges_lines_are_shown_once_with_what_pasting_them_means(tmp_path: Path) -> None:
    engine = PaperEngine(sounding=False)
    lines = Bridge(tmp_path).lines()
    engine.status = Status(False, "silent", "paste its lines", paste=lines)
    async with console(tmp_path, engine=engine, size=(80, 24)) as show:
        await until(lambda: isinstance(show.console.screen, Paper))
        await show.pilot.pause()
        screen = show.screen()
        assert all(line in screen for line in lines.splitlines())
        words = " ".join(re.sub(r"[│▎▊█]", " ", screen).split())
        assert "whoever knows the key in them: show them to nobody" in words
        await show.press("escape")
        show.console.notice(Notice(Severity.OK, "recording to prod.jsonl.gz"))
        await show.pilot.pause()
        assert not isinstance(show.console.screen, Paper)
        await show.press("o", "y")
        assert lines.splitlines()[0] in show.screen()
        assert show.console.clipboard == lines


async def test_without_an_engine_the_screen_says_what_to_do(tmp_path: Path) -> None:
    async with console(tmp_path, event(), engine=PaperEngine(sounding=False)) as show:
        assert "nobody plays" in show.screen()
        assert show.desk.fates[Fate.SILENT] == 1
        await show.press("alt+r")
        assert show.engine.played == []
