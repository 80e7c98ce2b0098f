"""A replay takes the way of live events: same events, same fates, the mix and the health of the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from players import ROOT, Notebook, PaperEngine, until
from players import conductor as make_conductor
from sonickube_tui.conductor import Conductor
from sonickube_tui.entry import Fate
from sonickube_tui.event import Connection, Event, Kind, Link, Severity
from sonickube_tui.music.health import Health
from sonickube_tui.music.mixer import Channel
from sonickube_tui.music.snippets import Library
from sonickube_tui.replay import LONGEST, Replay, tame
from sonickube_tui.session.format import (
    ConnectionLine,
    EventLine,
    GapLine,
    Line,
    MixLine,
    SnippetLine,
    encode,
)
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.player import Player
from tapes import BEGAN, happened, marked, write

pytestmark = pytest.mark.slow


class Stage:
    """A session that is replayed, and what comes of it."""

    def __init__(self, replay: Replay, notebook: Notebook, engine: PaperEngine) -> None:
        self.replay, self.player, self.conductor = replay, replay.player, replay.conductor
        self.notebook, self.engine = notebook, engine
        self.firsts: list[int] = []
        notebook.restored = self.firsts.append  # type: ignore[method-assign]

    def fates(self) -> list[tuple[str, Fate]]:
        return [(entry.event.pod, entry.fate) for _, entry in sorted(self.notebook.last().items())]

    async def play_to_the_end(self) -> None:
        task = asyncio.create_task(self.conductor.run(self.replay.items()))
        await until(lambda: self.player.at_end and not self.conductor._merger)
        task.cancel()

    async def play(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self.conductor.run(self.replay.items()))
        await until(lambda: self.firsts)
        return task


@asynccontextmanager
async def stage(
    path: Path,
    *,
    speed: float = 1.0,
    ends: bool = False,
    sounding: bool = False,
    **wishes: bool,
) -> AsyncIterator[Stage]:
    engine, notebook = PaperEngine(sounding=sounding), Notebook()
    with open_session([path]) as session:
        player = Player(session, ends=ends)
        player.set_speed(speed)
        desk: Conductor = make_conductor(
            engine,
            notebook,
            clock=lambda: player.now,
            library=Library([ROOT / "snippets" / "classic"]),
        )
        yield Stage(Replay(player, desk, **wishes), notebook, engine)


def mixed(t: float, *channels: Channel, dimmed: bool = False) -> MixLine:
    return MixLine(t=t, at=BEGAN + t, channels=channels, dimmed=dimmed)


def moves() -> list[Line]:
    """Events of two channels, which are muted and unmuted meanwhile."""
    lines: list[Line] = []
    for number in range(120):
        t = number / 20
        if number % 17 == 0:
            lines.append(mixed(t, Channel("shop", muted=number % 2 == 0), Channel("batch")))
        if number == 60:
            lines.append(mixed(t, Channel("batch", soloed=True)))
        lines.append(happened(t, Kind.CREATED, ("shop", "batch")[number % 2], f"pod-{number}"))
    return lines


async def test_the_same_mix_gives_the_same_fates_at_any_speed(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", moves())
    told = []
    for speed in (2.0, 50.0):
        async with stage(path, speed=speed, ends=True) as show:
            await show.conductor.run(show.replay.items())
            told.append(show.fates())
    assert told[0] == told[1]
    assert [pod for pod, _ in told[0]] == [f"pod-{number}" for number in range(120)]
    assert {fate for _, fate in told[0]} == {Fate.SILENT, Fate.MUTED}


async def test_at_high_speed_voices_keep_their_distance(tmp_path: Path) -> None:
    lines = [happened(t / 100, Kind.CREATED, pod=f"pod-{t}") for t in range(5_000)]
    async with stage(write(tmp_path / "s.jsonl", lines), speed=50, sounding=True) as show:
        await show.play_to_the_end()
        fates = show.conductor.fates
        assert fates[Fate.SENT] + fates[Fate.MERGED] == 5_000
        assert 1 < fates[Fate.SENT] < 50


async def test_events_keep_the_time_at_which_they_happened(tmp_path: Path) -> None:
    async with stage(write(tmp_path / "s.jsonl", [happened(0), happened(1)]), speed=100, ends=True) as show:
        await show.conductor.run(show.replay.items())
        assert [entry.event.at for entry in show.notebook.last().values()] == [1.0, 1.0]


async def test_seeking_restores_health_channels_connections_and_mix(tmp_path: Path) -> None:
    watching = Connection(at=BEGAN, cluster="prod", link=Link.WATCHING, pods=7)
    lost = Connection(at=BEGAN, cluster="prod", link=Link.RECONNECTING, detail="gone")
    lines: list[Line] = [
        ConnectionLine(t=0, connection=watching),
        happened(1, Kind.OOM_KILLED, "batch"),
        mixed(2, Channel("batch", gain_db=-6.0), dimmed=True),
        happened(10, Kind.CRASHED, "shop"),
        ConnectionLine(t=20, connection=lost),
        mixed(30, Channel("batch", muted=True)),
        happened(40, namespace="late"),
    ]
    async with stage(write(tmp_path / "s.jsonl", lines)) as show:
        task = await show.play()
        show.player.pause()
        desk = show.conductor
        show.player.seek(25)
        await until(lambda: len(show.firsts) == 2 and desk.connections)

        feeling = Health()
        for line in lines:
            if isinstance(line, EventLine) and line.t < 25:
                feeling.feed(line.t, line.event)
        for channel in ("batch", "shop"):
            assert desk.channel_health(channel) == pytest.approx(feeling.of(25, channel), rel=1e-6)
        assert [(c.name, c.gain_db, c.muted) for c in desk.mixer] == [
            ("batch", -6.0, False),
            ("shop", 0.0, False),
        ]
        assert desk.mixer.dimmed
        assert desk.connections == {"prod": lost}

        show.player.seek(0.5)
        await until(lambda: len(show.firsts) == 3 and desk.connections == {"prod": watching})
        assert (list(desk.mixer), desk.mixer.dimmed, desk.cluster_health()) == ([], False, 1.0)
        task.cancel()


async def test_pain_heals_by_the_time_of_the_session(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0, Kind.OOM_KILLED), happened(3600)])
    async with stage(path) as show:
        task = await show.play()
        await until(lambda: show.conductor.events)
        show.player.pause()
        before = show.conductor.cluster_health()
        await asyncio.sleep(0.1)
        assert show.conductor.cluster_health() == before < 1
        show.player.set_speed(100)
        show.player.play()
        await until(lambda: show.conductor.cluster_health() > before + 0.2, seconds=5)
        task.cancel()


async def test_what_happened_right_before_is_told_without_its_sound(tmp_path: Path) -> None:
    lines = [happened(t / 10, pod=f"pod-{t}") for t in range(200)]
    async with stage(write(tmp_path / "s.jsonl", lines), sounding=True) as show:
        show.player.pause()
        task = await show.play()
        show.player.seek(15.05)
        await until(lambda: len(show.firsts) == 2)
        assert show.fates() == [(f"pod-{t}", Fate.PAST) for t in range(101, 151)]
        assert show.engine.played == []
        first = show.firsts[-1]
        show.player.play()
        await until(lambda: len(show.notebook.last()) > 51)
        assert [e.event.pod for seq, e in sorted(show.notebook.last().items()) if seq >= first][
            50
        ] == "pod-151"
        task.cancel()


async def test_the_mix_is_the_recorded_one_until_one_mixes_and_can_be_again(tmp_path: Path) -> None:
    lines = [happened(0), mixed(1, Channel("shop", muted=True)), mixed(2, Channel("shop", -9.0, pan=0.5))]
    async with stage(write(tmp_path / "s.jsonl", [*lines, happened(3)]), speed=5) as show:
        task = await show.play()
        await until(lambda: show.conductor.mixer["shop"].muted)
        show.conductor.mixer.toggle_mute("shop")
        show.replay.mixed()
        await until(lambda: show.player.at_end)
        assert show.conductor.mixer["shop"] == Channel("shop")
        show.player.seek(1.5)
        await until(lambda: show.player.at_end)
        assert show.conductor.mixer["shop"] == Channel("shop")
        show.replay.follow_mix()
        assert show.conductor.mixer["shop"] == Channel("shop", -9.0, pan=0.5)
        task.cancel()


async def test_with_ones_own_mix_the_recorded_one_is_never_heard(tmp_path: Path) -> None:
    lines = [happened(0), mixed(0.1, Channel("shop", muted=True)), happened(0.2)]
    async with stage(write(tmp_path / "s.jsonl", lines), ends=True, own_mix=True) as show:
        await show.conductor.run(show.replay.items())
        assert Fate.MUTED not in show.conductor.fates


@pytest.mark.parametrize("wanted", [True, False])
async def test_recorded_snippets_play_only_when_they_are_asked_for(tmp_path: Path, wanted: bool) -> None:
    lines: list[Line] = [
        SnippetLine(t=0, name="ready", text="play 11"),
        happened(0),
        SnippetLine(t=0.3, name="ready", text="play 22"),
        happened(0.6),
        SnippetLine(t=0.7, name="ready", text="play chord(:e2"),
        happened(1),
    ]
    async with stage(write(tmp_path / "s.jsonl", lines), sounding=True, its_snippets=wanted) as show:
        await show.play_to_the_end()
        texts = [text for _, text in show.engine.played]
        installed = (ROOT / "snippets" / "classic" / "ready.rb").read_text()
        assert texts == (["play 11", "play 22", installed] if wanted else [installed] * 3)


async def test_marks_and_gaps_are_told_when_they_come(tmp_path: Path) -> None:
    lines: list[Line] = [marked(0, "deploy"), GapLine(t=0, lost=12, problem="No space left on device")]
    async with stage(write(tmp_path / "s.jsonl", lines), ends=True) as show:
        await show.conductor.run(show.replay.items())
        told = [notice.text for notice in show.notebook.notices]
        assert "mark: deploy" in told
        assert "12 lines are missing here: No space left on device" in told


HOSTILE = {
    "no calendar has this time": b'{"is":"event","t":0.1,"event":{"at":1e300,"cluster":"c","namespace":"n",'
    b'"pod":"p","uid":"u","kind":"crashed"}}',
    "before all time": b'{"is":"event","t":0.1,"event":{"at":-1e300,"cluster":"c","namespace":"n","pod":"p",'
    b'"uid":"u","kind":"crashed"}}',
    "an unknown kind": b'{"is":"event","t":0.1,"event":{"at":1,"cluster":"c","namespace":"n","pod":"p",'
    b'"uid":"u","kind":"made_up"}}',
    "a fader beyond its end": b'{"is":"mix","t":0.1,"channels":[{"name":"n","gain_db":900}]}',
    "not JSON": b"\x1b]0;title\x07",
    "too deep": b"[" * 50_000,
    "another format": b'{"is":"header","format":7,"at":1}',
    "a time beyond all": b'{"is":"mark","t":1e11,"text":"x"}',
}


@pytest.mark.parametrize("bad", HOSTILE)
async def test_a_file_that_means_ill_gives_notices_and_no_tracebacks(tmp_path: Path, bad: str) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0)])
    with path.open("ab") as file:
        file.write(HOSTILE[bad] + b"\n" + encode(happened(0.3)))
    async with stage(path, ends=True) as show:
        await show.conductor.run(show.replay.items())
        assert next(iter(show.notebook.last().values())).event.pod == "pod-0"
        for entry in show.notebook.last().values():
            assert 0 <= entry.event.at <= 1e10
        if bad == "another format":
            await until(lambda: any("format 7" in notice.text for notice in show.notebook.notices))
        elif not bad.endswith("time"):
            assert show.fates()[-1][0] == "pod-0.3"


async def test_bad_lines_are_told_with_their_number(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0)])
    with path.open("ab") as file:
        file.write(b"nonsense\n" + encode(happened(2)))
    async with stage(path, ends=True) as show:
        await show.conductor.run(show.replay.items())
        [notice] = [n for n in show.notebook.notices if n.severity is Severity.WARNING and "line" in n.text]
        assert "s.jsonl: a line is no good and passed over, first line 3" in notice.text


def test_long_texts_are_cut() -> None:
    long = msgspec.structs.replace(happened(0).event, message="x" * 10**6, pod="p" * 10**6)
    assert (len(tame(long, 0).message), len(tame(long, 0).pod)) == (LONGEST, LONGEST)
    short: Event = happened(0).event
    assert tame(short, 0) is short
