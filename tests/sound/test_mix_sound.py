"""From an event to samples: the conductor, the real engine, a snippet folder, and a recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from players import Notebook, at_work, classic, event, until
from sonic_pi import SonicPiServer, Sound
from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.base import Report, Started
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Entry, Fate, Heard
from sonickube_tui.event import Event, Item, Kind, Severity
from sonickube_tui.music.mixer import Channel, Level, Mixer
from sonickube_tui.music.render import Reply
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.voice import Voice

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

MIDDLE_C, ONE_UP = 261.63, 523.25
LONG = "play 60, attack: 0, sustain: 30, release: 0.1"
SHORT = "play 60, attack: 0, sustain: 0.5, release: 0.1"


class Performance:
    """A conductor on the real engine that is fed event by event, and a recording of what comes out."""

    def __init__(self, server: SonicPiServer, folder: Path, mixer: Mixer) -> None:
        self.server = server
        self.folder = folder
        self.notebook = Notebook()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        snippets = {Kind.READY: "ready", Kind.DELETED: "deleted"}
        self.desk = Conductor(
            theme=msgspec.structs.replace(
                classic(), snippets=snippets, fallback=dict.fromkeys(Severity, "ready")
            ),
            library=Library([folder]),
            engine=SonicPi(Ways(named=server.address, required=True)),
            mixer=mixer,
            listener=self.notebook,
        )

    async def source(self) -> AsyncIterator[Item]:
        while True:
            yield await self._events.get()

    async def happen(
        self, kind: Kind = Kind.READY, namespace: str = "shop", heard: Heard = Heard.DONE
    ) -> Entry:
        """Let an event happen, wait until it is known what became of it, and give that."""
        seq = self.desk.events + 1
        self._events.put_nowait(event(kind, namespace))
        await until(
            lambda: (
                (entry := self.notebook.last().get(seq))
                and (entry.heard in (heard, Heard.FAILED, Heard.LOST) or entry.fate is Fate.MUTED)
            )
        )
        return self.notebook.last()[seq]

    async def hold(self, seconds: float = 2.0) -> tuple[float, float]:
        """Let time pass; the part of the recording in which what is set now is heard, and nothing else.

        A busy machine has some tenths to set it.
        """
        start = self.server.recorded
        await asyncio.sleep(seconds)
        return start + 0.4, start + seconds - 0.7

    async def listen(self) -> Sound:
        return await asyncio.to_thread(self.server.stop_recording)

    def save(self, name: str, text: str) -> None:
        """Save a snippet as vim does: a new file takes the old one's name."""
        draft = self.folder / f"{name}.rb~"
        draft.write_text(text)
        draft.replace(self.folder / f"{name}.rb")

    async def changed(self, ok: bool) -> str:
        """Wait until the library has taken a change in; what it said."""
        await until(lambda: any(change.ok is ok for change in self.notebook.changes))
        return self.notebook.changes.pop().message


@asynccontextmanager
async def performing(
    server: SonicPiServer, folder: Path, snippets: dict[str, str], *channels: Channel
) -> AsyncIterator[Performance]:
    for name, text in snippets.items():
        (folder / f"{name}.rb").write_text(text)
    show = Performance(server, folder, Mixer(channels))
    task = asyncio.create_task(show.desk.run(show.source()))
    try:
        await until(lambda: show.notebook.notices or task.done())
        server.start_recording()
        await asyncio.sleep(0.3)
        yield show
    finally:
        show.desk.stop_sound()
        await asyncio.sleep(1.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_becomes_sound_and_a_muted_one_does_not(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    muted = Channel("batch", muted=True)
    async with performing(sonic_pi, tmp_path, {"ready": SHORT}, muted) as show:
        before = await show.hold()
        assert (await show.happen(namespace="batch")).fate is Fate.MUTED
        silence = await show.hold()
        start = sonic_pi.recorded
        entry = await show.happen()
        await show.hold()
        sound = await show.listen()
    assert (entry.fate, entry.heard) == (Fate.SENT, Heard.DONE)
    assert 0 < entry.after < 2
    assert sound.between(*before).peak == 0
    assert sound.between(*silence).peak == 0
    tone = sound.between(start, start + 1.5).sounding()
    assert tone.rms > 0.02
    assert tone.pitch == pytest.approx(MIDDLE_C, abs=3)
    assert 0.4 < tone.seconds < 0.8


async def test_a_mute_in_the_moment_in_which_a_voice_starts_holds(sonic_pi: SonicPiServer) -> None:
    engine = SonicPi(Ways(named=sonic_pi.address, required=True))
    jobs: list[int] = []

    def heard(report: Report) -> None:
        if isinstance(report, Started):
            jobs.append(report.job)
            engine.set_levels({report.job: Level(0.0)})

    async with at_work(engine.run(heard, lambda status: None), lambda: engine.status.sounding):
        try:
            for number in range(1, 41):
                engine.play(Voice(id=number, event=event(), snippet="ready"), LONG)
                await until(lambda: len(jobs) == number)  # noqa: B023
            await asyncio.sleep(1.0)
            await asyncio.to_thread(sonic_pi.start_recording)
            await asyncio.sleep(1.5)
            sound = await asyncio.to_thread(sonic_pi.stop_recording)
        finally:
            engine.stop(jobs)
    assert sound.peak == 0


async def test_a_sounding_note_follows_fader_mute_and_solo(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    async with performing(sonic_pi, tmp_path, {"ready": LONG}) as show:
        mixer = show.desk.mixer
        await show.happen()
        await asyncio.sleep(0.6)
        unity = await show.hold()
        mixer.set_gain("shop", -6.0206)
        show.desk.remix()
        half = await show.hold()
        mixer.toggle_mute("shop")
        show.desk.remix()
        muted = await show.hold()
        mixer.toggle_mute("shop")
        show.desk.remix()
        unmuted = await show.hold()
        mixer.toggle_solo("batch")
        show.desk.remix()
        other_solo = await show.hold()
        mixer.clear_solos()
        mixer.set_gain("shop", 0)
        show.desk.remix()
        again = await show.hold()
        sound = await show.listen()
    reference = sound.between(*unity).rms
    assert reference > 0.02
    assert sound.between(*half).rms / reference == pytest.approx(0.5, rel=0.05)
    assert sound.between(*muted).peak == 0
    assert sound.between(*unmuted).rms / reference == pytest.approx(0.5, rel=0.05)
    assert sound.between(*other_solo).peak == 0
    assert sound.between(*again).rms / reference == pytest.approx(1, rel=0.05)


async def test_solo_leaves_only_its_own(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    snippets = {"ready": LONG, "deleted": LONG.replace("60", "72")}
    async with performing(sonic_pi, tmp_path, snippets) as show:
        await show.happen(Kind.READY, "shop")
        await show.happen(Kind.DELETED, "batch")
        await asyncio.sleep(0.6)
        both = await show.hold()
        show.desk.mixer.toggle_solo("batch")
        show.desk.remix()
        solo = await show.hold()
        sound = await show.listen()
    together, alone = sound.between(*both), sound.between(*solo)
    assert together.strength(MIDDLE_C) == pytest.approx(together.strength(ONE_UP), rel=0.2)
    assert alone.pitch == pytest.approx(ONE_UP, abs=3)
    assert alone.strength(MIDDLE_C) < 0.01 * alone.strength(ONE_UP)
    assert alone.strength(ONE_UP) == pytest.approx(together.strength(ONE_UP), rel=0.05)


async def test_a_fader_that_is_down_when_the_event_comes_sets_its_level(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    async with performing(sonic_pi, tmp_path, {"ready": LONG}, Channel("shop", gain_db=-12)) as show:
        await show.happen()
        await asyncio.sleep(0.6)
        low = await show.hold()
        show.desk.mixer.set_gain("shop", 0)
        show.desk.remix()
        unity = await show.hold()
        sound = await show.listen()
    ratio = sound.between(*low).rms / sound.between(*unity).rms
    assert ratio == pytest.approx(10 ** (-12 / 20), rel=0.05)


async def test_a_pan_moves_what_sounds_and_leaves_the_middle_as_it_was(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    async with performing(sonic_pi, tmp_path, {"ready": LONG}) as show:
        await show.happen()
        await asyncio.sleep(0.6)
        spans = [await show.hold()]
        for _ in range(10):  # As a key does that is held.
            show.desk.mixer.nudge_pan("shop", -0.1)
            show.desk.remix()
            await asyncio.sleep(0.02)
        spans.append(await show.hold())
        for pan in (-0.5, 1.0, 0.0):
            show.desk.mixer.set_pan("shop", pan)
            show.desk.remix()
            spans.append(await show.hold())
        show.desk.mixer.toggle_mute("shop")
        show.desk.remix()
        muted = await show.hold()
        sound = await show.listen()
    unpanned, left, half, right, middle = (sound.between(*span).samples for span in spans)
    full = unpanned.std(axis=0)
    assert (full > 0.02).all()
    assert left.std(axis=0) / full == pytest.approx([1, 0], rel=0.01)
    assert half.std(axis=0) / full == pytest.approx([1, 0.5], rel=0.01)
    assert right.std(axis=0) / full == pytest.approx([0, 1], rel=0.01)
    assert middle.std(axis=0) / full == pytest.approx([1, 1], rel=0.01)
    assert not left[:, 1].any()
    assert not right[:, 0].any()
    assert sound.between(*muted).peak == 0


async def test_a_pan_that_is_set_when_the_event_comes_ends_with_its_run(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    def pans(reply: Reply) -> str:
        to = f'"{reply.host}", {reply.port}, "{reply.prefix}pans"'
        return f"with_real_time {{ osc_send {to}, $sonickube_pans.size }}"

    async with performing(sonic_pi, tmp_path, {"ready": SHORT}, Channel("shop", pan=1.0)) as show:
        start = sonic_pi.recorded
        await show.happen()
        during = await asyncio.to_thread(sonic_pi.ask, pans)
        await until(lambda: show.desk.sounding == 0)
        sound = await show.listen()
        after = await asyncio.to_thread(sonic_pi.ask, pans)
    heard = sound.between(start)
    assert heard.samples[:, 1].std() > 0.02
    assert not heard.samples[:, 0].any()
    assert (during, after) == ([1], [0])


async def test_stop_silences_what_sounds(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    async with performing(sonic_pi, tmp_path, {"ready": LONG}) as show:
        await show.happen()
        await asyncio.sleep(0.6)
        before = await show.hold()
        show.desk.stop_sound()
        await asyncio.sleep(1.5)
        after = await show.hold()
        await until(lambda: show.desk.sounding == 0)
        sound = await show.listen()
    assert sound.between(*before).rms > 0.02
    assert sound.between(*after).peak == 0


async def test_an_edit_is_heard_and_a_broken_one_leaves_the_last_good(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    async with performing(sonic_pi, tmp_path, {"ready": SHORT}) as show:
        spans: list[tuple[float, float]] = []

        async def play_once() -> None:
            start = sonic_pi.recorded
            assert (await show.happen()).heard is Heard.DONE
            await show.hold()
            spans.append((start, start + 1.2))

        await play_once()
        await asyncio.sleep(0.5)  # The watch on the folder needs a moment to begin.
        show.save("ready", SHORT.replace("60", "72"))
        assert "ready.rb is in use" in await show.changed(ok=True)
        await play_once()
        show.save("ready", "play 48\nplay 50\nplay (60 +\n")
        message = await show.changed(ok=False)
        await play_once()
        sound = await show.listen()
    assert "ready.rb, line 3" in message
    assert "the last good version plays on" in message
    pitches = [sound.between(*span).sounding().pitch for span in spans]
    assert pitches == pytest.approx([MIDDLE_C, ONE_UP, ONE_UP], abs=3)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("play 60\nsleep 0.1\n\nraise 'the string broke'\nplay 72", 4, "RuntimeError: the string broke"),
        ("play 60\nwith_fx :reverb do\n  sleep 0.1\n  no_such_thing\nend", 4, "NameError: undefined local"),
        ("2.times do\n  play :not_a_note\nend", 2, "InvalidNoteError"),
        ("# a comment\nplay 60\nbreak", 3, "snippet:3: "),
    ],
)
async def test_what_fails_in_ruby_is_told_with_its_line(
    sonic_pi: SonicPiServer, tmp_path: Path, text: str, line: int, problem: str
) -> None:
    async with performing(sonic_pi, tmp_path, {"ready": text}) as show:
        entry = await show.happen()
        await show.listen()
    assert (entry.fate, entry.heard, entry.line) == (Fate.SENT, Heard.FAILED, line)
    assert problem in entry.problem
