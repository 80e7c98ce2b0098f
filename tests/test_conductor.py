"""From event to voice and back: every event has its fate, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from players import Notebook, PaperEngine, classic, conductor, event, score, until
from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.base import Alive, Ended, Failed, Lost, PacketTooLarge, Started, Status
from sonickube_tui.entry import Fate, Heard
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Link, Severity
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.mixer import Channel, Level, Mixer
from sonickube_tui.music.snippets import Library


@asynccontextmanager
async def playing(conductor: Conductor, *events: Event) -> AsyncIterator[None]:
    task = asyncio.create_task(conductor.run(score(*events)))
    try:
        await until(lambda: conductor.events == len(events))
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_becomes_a_voice_and_is_heard() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook)
    async with playing(desk, event(Kind.CRASH_LOOP, restarts=3)):
        await until(lambda: desk.heard[Heard.DONE])
    [(voice, text)] = engine.played
    entry = notebook.last()[1]
    assert (entry.fate, entry.heard, entry.count, entry.after) == (Fate.SENT, Heard.DONE, 1, 0.004)
    assert entry.snippet == voice.snippet
    assert desk.library.get(voice.snippet).text == text  # type: ignore[union-attr]
    assert voice.event.restarts == 3
    assert voice.health < 1.0
    assert voice.tempo == desk.theme.tempo


async def test_what_comes_too_fast_is_merged_and_counted() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook)
    burst = [event(Kind.READY, pod=f"cart-{n}") for n in range(50)] + [event(Kind.CRASH_LOOP)]
    async with playing(desk, *burst):
        await until(lambda: desk.fates.total() == len(burst))
    kinds = [(voice.event.kind, voice.count) for voice, _ in engine.played]
    assert kinds == [(Kind.READY, 1), (Kind.READY, 49), (Kind.CRASH_LOOP, 1)]
    assert desk.fates == {Fate.SENT: 3, Fate.MERGED: 48}
    assert sum(e.count for e in notebook.last().values() if e.fate is Fate.SENT) == len(burst)


async def test_what_waits_too_long_is_dropped_and_says_so() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, merger=Merger(1, stale_after=0.5))
    namespaces = [f"ns-{n}" for n in range(5)]
    async with playing(desk, *(event(namespace=name) for name in namespaces)):
        await until(lambda: desk.fates.total() == len(namespaces))
    assert desk.fates[Fate.DROPPED] == 4
    dropped = [e for e in notebook.last().values() if e.fate is Fate.DROPPED]
    assert {e.problem for e in dropped} == {"waited too long for its turn"}


async def test_every_event_has_one_fate_when_the_console_ends() -> None:
    desk = conductor(PaperEngine(), Notebook(), merger=Merger(1))
    events = [event(namespace=f"ns-{n % 7}", kind=list(Kind)[n % 11]) for n in range(200)]
    async with playing(desk, *events):
        pass
    assert desk.fates.total() == desk.events == 200


async def test_a_muted_channel_is_not_sent() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, mixer=Mixer((Channel("shop", muted=True),)))
    async with playing(desk, event(), event(namespace="batch")):
        await until(lambda: desk.fates.total() == 2)
    assert [voice.event.namespace for voice, _ in engine.played] == ["batch"]
    assert notebook.last()[1].fate is Fate.MUTED


async def test_the_mix_reaches_what_sounds_and_forgets_what_ended() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook)
    async with playing(desk, event(), event(namespace="batch")):
        await until(lambda: desk.heard[Heard.STARTED] == 2)
        desk.mixer.toggle_mute("shop")
        desk.remix()
        assert engine.levels == {101: Level(0.0), 102: Level()}
        engine.report(Ended(1))
        engine.levels.clear()
        desk.mixer.set_gain("batch", -20)
        desk.mixer.set_pan("batch", 0.4)
        desk.remix()
        assert engine.levels == {102: Level(0.1, 0.4)}


async def test_a_fader_moved_between_sending_and_starting_is_caught_up() -> None:
    engine, notebook = PaperEngine(reports=False), Notebook()
    desk = conductor(engine, notebook)
    async with playing(desk, event()):
        await until(lambda: engine.played)
        desk.mixer.set_pan("shop", -1.0)
        desk.remix()
        assert engine.levels == {}
        engine.report(Started(1, 7, 0.1))
        assert engine.levels == {7: Level(1.0, -1.0)}


async def test_a_voice_begins_where_its_channel_is() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, mixer=Mixer((Channel("shop", gain_db=-20.0, pan=-0.4),)))
    async with playing(desk, event()):
        await until(lambda: desk.heard[Heard.STARTED])
    assert [voice.level for voice, _ in engine.played] == [Level(0.1, -0.4)]
    assert engine.levels == {}  # Nothing had to be caught up with.


async def test_a_kind_the_theme_is_silent_about() -> None:
    desk = conductor(PaperEngine(), notebook := Notebook())
    desk.theme = msgspec.structs.replace(desk.theme, snippets={Kind.READY: ""})
    async with playing(desk, event(Kind.READY)):
        pass
    assert notebook.last()[1].fate is Fate.UNMAPPED


async def test_without_an_engine_everything_is_silent_and_the_advice_is_told() -> None:
    desk = conductor(PaperEngine(sounding=False), notebook := Notebook())
    async with playing(desk, event()):
        pass
    assert notebook.last()[1].fate is Fate.SILENT
    assert [(n.severity, n.text) for n in notebook.notices] == [(Severity.WARNING, "nobody plays")]


async def test_failures_and_losses_are_told_with_their_line() -> None:
    engine, notebook = PaperEngine(reports=False), Notebook()
    desk = conductor(engine, notebook)
    async with playing(desk, event(), event(namespace="batch"), event(namespace="search")):
        await until(lambda: len(engine.played) == 3)
        engine.report(Failed(1, "NameError", "undefined local variable `foo'\nand more", 3))
        engine.report(Failed(2, "SyntaxError", "snippet:2: syntax error, unexpected end", 2))
        engine.report(Lost(3))
    one, two, three = (notebook.last()[n] for n in (1, 2, 3))
    assert (one.heard, one.line, one.problem) == (
        Heard.FAILED,
        3,
        "NameError: undefined local variable `foo'",
    )
    assert (two.line, two.problem) == (2, "snippet:2: syntax error, unexpected end")
    assert (three.heard, three.fate) == (Heard.LOST, Fate.SENT)


async def test_a_packet_that_is_too_large_drops_its_event_and_nothing_else() -> None:
    class Strict(PaperEngine):
        def play(self, voice: object, snippet: str) -> None:
            if not self.played:
                self.played.append((voice, snippet))  # type: ignore[arg-type]
                raise PacketTooLarge("20,000 bytes")
            super().play(voice, snippet)  # type: ignore[arg-type]

    desk = conductor(Strict(), notebook := Notebook())
    async with playing(desk, event(), event(namespace="batch")):
        await until(lambda: desk.fates.total() == 2)
    assert (notebook.last()[1].fate, notebook.last()[1].problem) == (Fate.DROPPED, "20,000 bytes")
    assert notebook.last()[2].fate is Fate.SENT


async def test_an_audition_passes_the_mute_and_stays_out_of_the_counts() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, mixer=Mixer((Channel("shop", muted=True),)))
    async with playing(desk):
        await until(lambda: desk.engine.status.sounding and notebook.notices)
        desk.audition(event(), "ready", "play 72")
        await until(lambda: desk.heard[Heard.DONE])
        desk.remix()
    [(voice, text)] = engine.played
    assert (voice.level, text) == (Level(), "play 72")
    assert engine.levels == {101: Level()}
    assert desk.fates.total() == 0
    assert all(entry.seq < 0 for entry in notebook.entries)


async def test_stop_silences_what_sounds_and_what_waits() -> None:
    engine = PaperEngine()
    desk = conductor(engine, Notebook(), merger=Merger(1))
    async with playing(desk, event(), event(namespace="batch")):
        await until(lambda: desk.heard[Heard.STARTED])
        desk.stop_sound()
        assert engine.stopped == [101]
        assert desk.fates == {Fate.SENT: 1, Fate.DROPPED: 1}


async def test_a_deleted_snippet_falls_back_by_severity(tmp_path: Path) -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, library=Library([tmp_path]))
    (tmp_path / "own.rb").write_text("play 50")
    (tmp_path / "general.rb").write_text("play 60")
    desk.library = Library([tmp_path])
    desk.theme = msgspec.structs.replace(
        desk.theme, snippets={Kind.CRASHED: "own"}, fallback={Severity.ERROR: "general"}
    )
    async with playing(desk, event(Kind.CRASHED)):
        await until(lambda: engine.played)
        await asyncio.sleep(0.5)  # The watch on the folder needs a moment to begin.
        (tmp_path / "own.rb").unlink()
        await until(lambda: notebook.changes)
        desk.take(event(Kind.CRASHED))
        await until(lambda: len(engine.played) == 2)
    assert [text for _, text in engine.played] == ["play 50", "play 60"]
    assert "own.rb is gone" in notebook.changes[0].message


async def test_what_the_source_raises_comes_out() -> None:
    async def refusing() -> AsyncIterator[Item]:
        raise UserError("not with these credentials")
        yield

    with pytest.raises(UserError, match="not with these"):
        await conductor(PaperEngine(), Notebook()).run(refusing())


async def test_when_too_many_sound_the_oldest_of_the_least_severe_gives_way() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, voices=2, merger=Merger(100, window=0))
    kinds = [Kind.CRASH_LOOP, Kind.READY, Kind.UNREADY, Kind.READY]
    async with playing(desk, *(event(kind, f"ns-{n}") for n, kind in enumerate(kinds))):
        await until(lambda: desk.fates.total() == len(kinds))
    first, second, third, fourth = (notebook.last()[n] for n in (1, 2, 3, 4))
    assert engine.stopped == [102, 101, 103]  # The third took the second's place; the end stops the others.
    assert (first.fate, third.fate) == (Fate.SENT, Fate.SENT)
    assert (second.fate, second.heard) == (Fate.SENT, Heard.DONE)
    assert (fourth.fate, fourth.problem) == (Fate.DROPPED, "more urgent voices sound")
    assert desk.sounding == 0


@pytest.mark.parametrize(("tail", "stolen"), [(0.05, 0), (60.0, 7)])
async def test_a_voice_of_whose_end_nothing_is_heard_makes_room_after_the_themes_tail(
    tail: float, stolen: int
) -> None:
    engine = PaperEngine()
    theme = msgspec.structs.replace(classic(), tail=tail)
    desk = conductor(engine, Notebook(), merger=Merger(1000, 0.0), voices=4, theme=theme)
    async with playing(desk, event(Kind.CRASH_LOOP)):
        for number in range(1, 11):
            await until(lambda: desk.heard[Heard.DONE] == number)  # noqa: B023
            await asyncio.sleep(0.1)
            desk.take(event(Kind.CRASH_LOOP, pod=f"cart-{number}"))
        await until(lambda: desk.heard[Heard.DONE] == 11)
        await asyncio.sleep(0.1)
        assert desk.fates == {Fate.SENT: 11}
        assert len(engine.stopped) == stolen
        assert desk.sounding == (4 if stolen else 0)


async def test_a_voice_that_gives_signs_of_life_counts_as_sounding() -> None:
    engine = PaperEngine()
    desk = conductor(engine, Notebook(), theme=msgspec.structs.replace(classic(), tail=1.0))
    async with playing(desk, event()):
        await until(lambda: desk.heard[Heard.DONE])
        for _ in range(30):
            await asyncio.sleep(0.05)
            engine.report(Alive(1))
        assert desk.sounding == 1
        await until(lambda: desk.sounding == 0)


async def test_voices_of_unknown_end_are_muted_and_stopped_still_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sonickube_tui.conductor.UNPROVEN", 5)
    engine = PaperEngine()
    theme = msgspec.structs.replace(classic(), tail=0.01)
    desk = conductor(engine, Notebook(), merger=Merger(1000, 0.0), theme=theme)
    async with playing(desk, event()):
        for number in range(1, 9):
            await until(lambda: desk.heard[Heard.DONE] == number)  # noqa: B023
            await asyncio.sleep(0.02)
            desk.take(event(Kind.READY, pod=f"cart-{number}"))
        await until(lambda: desk.heard[Heard.DONE] == 9)
        desk.mixer.toggle_mute("shop")
        desk.remix()
        assert engine.levels == {100 + voice: Level(0.0) for voice in range(5, 10)}
        desk.stop_sound()
        assert engine.stopped == list(range(105, 110))


async def test_stopping_one_namespace_stops_what_sounds_and_waits_there() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, merger=Merger(1))
    async with playing(desk, event(namespace="shop"), event(Kind.CREATED, "shop"), event(namespace="batch")):
        await until(lambda: desk.heard[Heard.STARTED])
        desk.stop_sound("shop")
        assert engine.stopped == [101]
        assert (notebook.last()[2].fate, notebook.last()[2].problem) == (Fate.DROPPED, "stopped")
        assert notebook.last()[3].fate is Fate.WAITING


async def test_a_voice_that_is_stopped_before_it_starts_never_sounds() -> None:
    engine, notebook = PaperEngine(reports=False), Notebook()
    desk = conductor(engine, notebook)
    async with playing(desk, event()):
        await until(lambda: engine.played)
        desk.stop_sound()
        assert notebook.last()[1].heard is Heard.STOPPED
        engine.report(Started(1, 7, 0.1))
        assert engine.stopped == [7]
        assert notebook.last()[1].heard is Heard.STOPPED


async def test_dim_lowers_everything_but_what_is_critical() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, mixer=Mixer(dim_db=-20.0))
    async with playing(desk, event(Kind.CRASH_LOOP), event(Kind.READY, "batch")):
        await until(lambda: desk.heard[Heard.STARTED] == 2)
        desk.dim()
        assert engine.levels == {101: Level(), 102: Level(0.1)}
        desk.dim()
        assert engine.levels == {101: Level(), 102: Level()}


async def test_an_engine_with_a_low_ceiling_gets_half_of_it() -> None:
    engine, notebook = PaperEngine(), Notebook()
    engine.status = msgspec.structs.replace(engine.status, ceiling=4.0)
    merger = Merger(10)
    async with playing(conductor(engine, notebook, merger=merger), event()):
        await until(lambda: engine.played)
        assert merger.onsets_per_second == 2.0


async def test_an_engine_that_goes_takes_its_voices_along() -> None:
    engine, notebook = PaperEngine(reports=False), Notebook()
    desk = conductor(engine, notebook)
    async with playing(desk, event()):
        await until(lambda: engine.played)
        desk._engine_changed(Status(False, "silent", "it is gone"))
        assert (notebook.last()[1].heard, desk.sounding) == (Heard.LOST, 0)


async def test_a_rising_round_trip_is_told() -> None:
    engine, notebook = PaperEngine(reports=False), Notebook()
    desk = conductor(engine, notebook, merger=Merger(100, window=0))
    trips = [0.004] * 60 + [0.2] * 10
    async with playing(desk, *(event(namespace=f"ns-{n}") for n in range(len(trips)))):
        await until(lambda: len(engine.played) == len(trips))
        for voice, trip in enumerate(trips[:60], 1):
            engine.report(Started(voice, 100 + voice, trip))
        assert (desk.round_trip, desk.late) == (0.004, False)
        for voice, trip in enumerate(trips[60:], 61):
            engine.report(Started(voice, 100 + voice, trip))
        assert (desk.round_trip, desk.late) == (0.2, True)


async def test_a_source_that_ends_lets_its_last_voices_be_heard() -> None:
    engine, notebook = PaperEngine(), Notebook()
    desk = conductor(engine, notebook, merger=Merger(20))
    task = asyncio.create_task(desk.run(score(event(), event(namespace="batch"), then_wait=False)))
    await until(lambda: desk.heard[Heard.DONE] == 2)
    assert not task.done()
    engine.end(1)
    engine.end(2)
    await asyncio.wait_for(task, 5)
    assert (desk.fates, engine.stopped) == ({Fate.SENT: 2}, [])


async def test_how_it_stands_is_kept_for_each_cluster() -> None:
    desk = conductor(PaperEngine(), Notebook())
    eu, us, away = (
        Connection(at=at, cluster=cluster, link=link)
        for at, (cluster, link) in enumerate(
            [("eu", Link.WATCHING), ("us", Link.WATCHING), ("eu", Link.RECONNECTING)]
        )
    )
    task = asyncio.create_task(desk.run(score(eu, us, away)))
    await until(lambda: desk.connections.get("eu") == away)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [*desk.connections.values()] == [away, us]
