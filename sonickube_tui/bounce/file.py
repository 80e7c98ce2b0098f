"""A session as a sound file: WAV or FLAC, worked out and written piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from sonickube_tui.bounce.plan import Heard, Mixed, Plan
from sonickube_tui.errors import UserError
from sonickube_tui.event import Event
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.mixer import DIM_DB, Channel, Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import Theme
from sonickube_tui.replay import tame
from sonickube_tui.session.format import EventLine, MixLine
from sonickube_tui.session.lines import Lines
from sonickube_tui.session.opening import Opened
from sonickube_tui.session.state import Scene

RING_OUT = 10.0
"""Seconds that what still sounds has after the end; a loop would never be over."""

FORMATS = {".wav": "WAV", ".flac": "FLAC"}


class Excerpt(msgspec.Struct, frozen=True):
    """What of a session is bounced: from `begin` to `end` in its seconds, so many times as fast.

    `only` are patterns of namespaces or channels; without any, all are heard.
    """

    begin: float
    end: float
    speed: float = 1.0
    only: Collection[str] = ()

    @property
    def seconds(self) -> float:
        """How long it takes, without what rings out."""
        return (self.end - self.begin) / self.speed

    def hears(self, event: Event) -> bool:
        """Whether an event is meant."""
        names = (event.namespace, event.channel)
        return not self.only or any(fnmatchcase(name, one) for one in self.only for name in names)


class Bounced(msgspec.Struct, frozen=True):
    """What became of it.

    `failures` has a line for each snippet that failed; without `whole` it was ended early.
    """

    seconds: float
    voices: int
    unheard: int
    failures: tuple[str, ...]
    whole: bool = True


def check_target(file: Path) -> None:
    """Raises UserError when the file's name says no format that can be written, or it is there already."""
    if file.suffix.lower() not in FORMATS:
        raise UserError(f"{file}: the name must end in {' or '.join(FORMATS)}")
    if file.exists():
        raise UserError(f"{file} is there already; name another file, or move it away")


def bounce(
    session: Opened,
    excerpt: Excerpt,
    file: Path,
    *,
    theme: Theme,
    library: Library,
    merger: Merger,
    samples: Sequence[Path] = (),
    dim_db: float = DIM_DB,
    bits: int = 16,
    progress: Callable[[float], None] = lambda seconds: None,
) -> Bounced:
    """Write what of a session would be heard. The same session, snippets and sound files give the same bytes.

    `samples` are the folders in which snippets may find sound files, the first one that has a file counts.
    `progress` is told the seconds that are written. What is written so far stays when it is interrupted.
    Raises UserError when the file cannot be written, and as the session does.
    """
    import soundfile

    from sonickube_tui.bounce.sound import Performance
    from sonickube_tui.engine.builtin.mix import RATE
    from sonickube_tui.engine.builtin.world import WorldDied

    plan, planned = plan_of(session, excerpt, theme=theme, library=library, merger=merger, dim_db=dim_db)
    voices = 0

    def cues() -> Iterator[Heard | Mixed]:
        nonlocal voices
        for cue in planned:
            voices += isinstance(cue, Heard)
            yield cue

    written = 0
    try:
        with (
            soundfile.SoundFile(
                file, "x", RATE, 2, subtype=f"PCM_{bits}", format=FORMATS[file.suffix.lower()]
            ) as out,
            closing(Performance(samples)) as performance,
            closing(performance.samples(cues(), seconds=excerpt.seconds + RING_OUT)) as blocks,
        ):
            for mixed in blocks:
                out.write(mixed)
                written += len(mixed)
                progress(written / RATE)
    except (OSError, soundfile.LibsndfileError) as error:
        raise UserError(f"{file} cannot be written: {error}") from None
    except WorldDied as error:
        raise UserError(f"the built-in player cannot go on: {error}; see sonickube doctor") from None
    failures = dict.fromkeys(
        f"{name}.rb line {failed.line}: {failed.error}: {failed.message}"
        for name, failed in performance.failures
    )
    return Bounced(written / RATE, voices, plan.unheard, tuple(failures))


def plan_of(
    session: Opened, excerpt: Excerpt, *, theme: Theme, library: Library, merger: Merger, dim_db: float
) -> tuple[Plan, Iterator[Heard | Mixed]]:
    """The plan of an excerpt, and what is heard, worked out when it is asked for. Raises as the session."""
    scene = session.index.seek(excerpt.begin)
    plan = Plan(theme=theme, library=library, merger=merger, health=scene.health(0.0), speed=excerpt.speed)
    return plan, plan.work_out(_happenings(session, scene, excerpt, dim_db))


def _happenings(
    session: Opened, scene: Scene, excerpt: Excerpt, dim_db: float
) -> Iterator[tuple[float, Event | Mixer]]:
    def mixer(channels: tuple[Channel, ...], *, dimmed: bool) -> Mixer:
        mixer = Mixer(channels, dim_db=dim_db)
        mixer.dimmed = dimmed
        return mixer

    yield 0.0, mixer(scene.mix, dimmed=scene.dimmed)
    for found in Lines(session.file, scene.place).read():
        if found.t > excerpt.end:
            return
        at = (found.t - excerpt.begin) / excerpt.speed
        match found.line:
            case EventLine(event=event) if excerpt.hears(event):
                yield at, tame(event, event.at)
            case MixLine() as line:
                yield at, mixer(line.channels, dimmed=line.dimmed)
