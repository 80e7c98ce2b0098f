"""`python -m benchmarks.player [FILE]`: the built-in player beside the real Sonic Pi, program by program.

What both send to SuperCollider is compared event by event, and what sounds sample by sample: with Sonic Pi's
messages on its own engine without a clock and, where that can be, with a recording. Prints the table, and
writes it as the page docs/player-parity.md when that file is named.
"""

from __future__ import annotations

import functools
import json
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from builtin import original
from builtin.original import Noted
from builtin.reference import DEFINITIONS, replayed
from builtin.sandbox import EVENT, played, programs
from builtin.test_original import SEED, TEMPO, Fact, facts_of_notes, facts_of_score
from sonic_pi import SonicPiServer, Sound, missing
from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.instruments import PREFIX, instruments
from sonickube_tui.engine.builtin.mix import RATE
from sonickube_tui.engine.builtin.offline import Take, offline
from sonickube_tui.engine.builtin.score import Effect, Play, ScoreEvent

CORRELATION, LEVEL = 0.99, 0.5
"""The goals: at least, and at most so many dB either way."""

LONGEST = original.HORIZON
"""Seconds of a program that are heard: so much of its messages is noted."""

AHEAD = 0.5
"""Seconds that Sonic Pi works ahead by itself."""

GAP = 1.0
"""Seconds of silence between two programs."""

SETTLED = 3.0
"""Seconds after which the recorder surely runs."""

BY_CHANCE = re.compile(rb"Noise|Rand|Dust|PitchShift")
"""Unit generators, as definitions name them, that no two recordings have alike."""

OTHER_UNIT = b"GVerb"
"""The unit generator that sounds otherwise in our SuperCollider, for which definitions are not mended."""


class Likeness(msgspec.Struct, frozen=True, gc=False):
    """The correlation of two sounds where they fit best, and by how many dB the second is louder."""

    correlation: float
    level: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One program.

    `difference` is the first event that only one side has, empty when there is none; `why` says what sounds
    otherwise than in Sonic Pi 3.2.2. `ours` is our sound beside Sonic Pi's messages on its own engine, None
    when nothing sounds; `recorded` ours, and `replayed` that one, beside a recording, where there is one.
    """

    program: str
    events: int
    difference: str
    why: str
    ours: Likeness | None = None
    recorded: Likeness | None = None
    replayed: Likeness | None = None

    @property
    def met(self) -> bool:
        """Whether it does the same and sounds as the goals say."""
        return not self.difference and (self.ours is None or alike(self.ours))

    @property
    def cells(self) -> tuple[str, ...]:
        """It as text, a cell for each of `COLUMNS`."""
        correlation, level = _cells(self.ours)
        return (
            self.program,
            self.difference or f"{self.events} equal",
            correlation,
            level,
            _cells(self.recorded)[0],
            "yes" if self.met else "NO",
            "" if self.met else self.why,
        )


def _cells(one: Likeness | None) -> tuple[str, str]:
    return (f"{one.correlation:.4f}", f"{one.level:+.2f} dB") if one else ("", "")


COLUMNS = ("program", "events", "correlation", "level", "with a recording", "goals met", "why not")


def alike(likeness: Likeness) -> bool:
    """Whether the goals for the sound are met."""
    return likeness.correlation >= CORRELATION and abs(likeness.level) <= LEVEL


def all_programs() -> dict[str, str]:
    """The shipped snippets, our programs, and a note with each synth that Sonic Pi 3.2.2 has."""
    names = [name for name in instruments(parts.synthdefs()) if not name.startswith("fx_")]
    names = [name for name in names if not name.endswith("_player") and _theirs(PREFIX + name).is_file()]
    return programs() | {f"synth {name}": f"use_synth :{name}\nplay 60" for name in names}


# Our side


def render(events: list[ScoreEvent]) -> Sound:
    """A score as it sounds."""
    blocks = offline([Take(at=0.0, run=1, events=events)], seconds=LONGEST)
    return Sound(np.concatenate(list(blocks)).astype(float), RATE)


@functools.cache
def _theirs(definition: str) -> Path:
    return DEFINITIONS / f"{definition}.scsyndef"


def by_chance(definition: str) -> bool:
    """Whether it has the sound engine's noise or random numbers."""
    return BY_CHANCE.search((parts.synthdefs() / f"{definition}.scsyndef").read_bytes()) is not None


def of_later(definition: str) -> bool:
    """Whether ours is not Sonic Pi 3.2.2's."""
    ours = parts.synthdefs() / f"{definition}.scsyndef"
    return not _theirs(definition).is_file() or _theirs(definition).read_bytes() != ours.read_bytes()


def reverberates(definition: str) -> bool:
    """Whether it has the unit generator that is another one in our engine."""
    return OTHER_UNIT in (parts.synthdefs() / f"{definition}.scsyndef").read_bytes()


def _short(definitions: Iterable[str]) -> str:
    return ", ".join(name.removeprefix(PREFIX) for name in definitions)


# Their side


def record(server: SonicPiServer, texts: Mapping[str, str], seconds: Mapping[str, float]) -> dict[str, Sound]:
    """Programs one after another, each as long as it is to sound."""
    server.run(f"set_sched_ahead_time! {AHEAD}")
    # A first note tells how far behind its run the recording is.
    texts = {"": "play 60, release: 0.1", **texts}
    began: dict[str, float] = {}
    server.start_recording()
    time.sleep(SETTLED)
    for name, text in texts.items():
        began[name] = server.recorded
        code = original.RUN.format(
            tempo=TEMPO,
            seed=SEED,
            name="",
            event=original.base64_of(json.dumps(EVENT).encode()),
            code=original.base64_of(text.encode()),
        )
        server.run(code)
        time.sleep(seconds.get(name, SETTLED) + AHEAD + 0.2)
        server.run("__stop_other_jobs")
        time.sleep(GAP)
    ends = [*list(began.values())[1:], server.recorded]
    time.sleep(SETTLED)
    sound = server.stop_recording()
    first = sound.between(0.0, began[""] + SETTLED)
    behind = float(np.flatnonzero(np.abs(first.samples[:, 0]) > 0.01)[0]) / first.rate - began[""] - GAP / 2
    return {
        name: sound.between(start + behind, end + behind)
        for (name, start), end in zip(began.items(), ends, strict=True)
        if name
    }


# The two beside each other


def first_difference(theirs: Iterable[Fact], ours: Iterable[Fact]) -> str:
    """The earliest event that only one of them has; empty when there is none."""
    counts = Counter(theirs), Counter(ours)
    only = [("Sonic Pi's", fact) for fact in (counts[0] - counts[1]).elements()]
    only += [("ours", fact) for fact in (counts[1] - counts[0]).elements()]
    whose, fact = min(only, key=lambda one: float(one[1][1]), default=("", ()))  # type: ignore[arg-type]
    return f"only {whose}: {fact[:3]}" if fact else ""


def compare(sound: Sound, copy: Sound) -> Likeness:
    """Two sounds, each with silence around it; the second may be cut off."""
    part = copy.sounding(0.005)
    whole, mono = (one.samples.sum(axis=1) for one in (sound, part))
    size = 1 << (len(whole) + len(mono)).bit_length()
    fit = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(mono, size)), size)
    lag = int(fit[: len(whole)].argmax())
    common = min(len(mono), len(whole) - lag)
    ears = sound.samples[lag : lag + common].ravel(), part.samples[:common].ravel()
    same_part = sound.sounding(0.005).between(0, part.seconds)
    level = 10 * math.log10(_energy(part) / _energy(same_part))
    return Likeness(float(np.corrcoef(*ears)[0, 1]), level)


def _energy(sound: Sound) -> float:
    return float((sound.samples**2).sum())


def measure(texts: Mapping[str, str] | None = None) -> list[Row]:
    """A row for each program; none without a real Sonic Pi and the built-in player's parts."""
    if missing() or parts.missing():
        return []
    texts = texts or all_programs()
    scores = {name: played(text, until=LONGEST, tempo=TEMPO, seed=SEED) for name, text in texts.items()}
    plays = {
        name: [event.synth for event in events if isinstance(event, Play)] for name, events in scores.items()
    }
    sounds = {name: render(events) for name, events in scores.items() if plays[name]}
    with SonicPiServer() as server:
        notes = original.noted(server, texts, event=EVENT, tempo=TEMPO, seed=SEED)
        # A recording has the clock's chance in it, between one onset and another, and that of noise.
        once = {
            name: texts[name] for name, names in plays.items() if len(names) == 1 and not by_chance(names[0])
        }
        records = record(server, once, {name: sounds[name].seconds for name in once})
    return sorted(
        (_row(name, notes[name], scores[name], sounds.get(name), records.get(name)) for name in texts),
        key=lambda row: row.program,
    )


def _row(
    name: str, notes: list[Noted], events: list[ScoreEvent], ours: Sound | None, recorded: Sound | None
) -> Row:
    theirs = facts_of_notes(notes)
    used = sorted({event.synth for event in events if isinstance(event, Play | Effect)})
    row = Row(
        program=name,
        events=len(theirs),
        difference=first_difference(theirs, facts_of_score(events)),
        why=_why(used),
    )
    if ours is None:
        return row
    model = replayed(notes, LONGEST)
    return msgspec.structs.replace(
        row,
        ours=compare(model, ours),
        recorded=compare(recorded, ours) if recorded else None,
        replayed=compare(recorded, model) if recorded else None,
    )


def _why(used: list[str]) -> str:
    later, other = (_short(filter(unlike, used)) for unlike in (of_later, reverberates))
    return "; ".join(
        ([f"another definition: {later}"] if later else [])
        + ([f"another {OTHER_UNIT.decode()}: {other}"] if other else [])
    )


def rows(measured: list[Row]) -> Iterator[tuple[str, ...]]:
    """For the table of all benchmarks: how many programs meet which goal."""
    if not measured:
        return
    same = sum(not row.difference for row in measured)
    yield "programs that do the same as on Sonic Pi 3.2.2", f"{same} of {len(measured)}", "", "", "all"
    goal = f"correlation >= {CORRELATION}, level within {LEVEL} dB"
    for what, likenesses in (
        ("that sound the same", [row.ours for row in measured if row.ours]),
        ("that sound as recorded", [row.recorded for row in measured if row.recorded]),
    ):
        count = sum(map(alike, likenesses))
        yield f"of these, those {what}", f"{count} of {len(likenesses)}", "", "", goal


def table(measured: Iterable[Row]) -> Table:
    """The rows as a table for the terminal."""
    made = Table(*COLUMNS)
    for row in measured:
        made.add_row(*row.cells)
    return made


PAGE = """\
# The built-in player beside Sonic Pi

The same programs on the built-in player and on the real Sonic Pi 3.2.2: all shipped snippets, our own
programs (`tests/builtin/programs`), and a note with each synth. This page is made by
`PYTHONPATH=tests python -m benchmarks.player docs/player-parity.md`, and `make bench` prints its table.

- **Events**: what is sent to the sound engine in the first {horizon:g} s (synths, samples, effects, what
  changes and ends them, with time and arguments), what is printed, and the lines that fail: all equal.
  Our own programs are compared at 37.5, 90 and 120 beats a minute, too (`tests/builtin/test_original.py`);
  where Sonic Pi 4.5.1 does otherwise, with what its source answers (`tests/builtin/test_of_4_5_1.py`).
- **Correlation** and **level**: our sound beside Sonic Pi's. The messages that the real Sonic Pi sends are
  noted with the times that it gives them, and Debian's scsynth 3.13 renders these very messages with Sonic
  Pi's own definitions and samples; both ears, the same {horizon:g} s, where they fit best. Goals: a
  correlation of {correlation}, and within {level} dB.
- **With a recording**: the correlation of our sound with what a live Sonic Pi was recorded to play.

Recordings alone would not do: two takes of one program on one Sonic Pi are only 0.3 to 0.9 alike when it has
several onsets. scsynth begins a sound with a control block of 64 frames (1.5 ms), and where in a block an
onset falls is up to its clock, each time anew; and noise is other noise each time. Rendered offline there is
no clock, and both engines' random numbers begin with one seed. That what is rendered is Sonic Pi's sound is
shown by the {recorded} programs that have one onset and no chance: its lowest correlation with a recording of
them is {replayed:.4f}.

Our engine is SuperCollider 3.14. There, envelopes and slow oscillators begin a control block later than in
3.13, and segments of envelopes need not last whole blocks. By that alone, a note of `:fm` would correlate
with Sonic Pi's by 0.67, one of `:mod_saw` by 0.76. So the definitions are mended as they are loaded
(`sonickube_tui/engine/builtin/definitions.py`). Not mended are

- {unit}, which is another reverberation in 3.14: {reverberating};
- oscillators and lines at audio rate, which begin one frame (23 us) later;
- definitions that the npm package has from a later Sonic Pi: {others}.

| | in all | goal |
|---|---|---|
{totals}

| {columns} |
|{rules}|
{table}
"""


def page(measured: list[Row]) -> str:
    """The rows as the page in docs/."""
    names = [file.stem for file in sorted(DEFINITIONS.glob(f"{PREFIX}*.scsyndef"))]
    names = [name for name in names if (parts.synthdefs() / f"{name}.scsyndef").is_file()]
    likenesses = [row.replayed for row in measured if row.replayed]
    return PAGE.format(
        horizon=original.HORIZON,
        correlation=CORRELATION,
        level=LEVEL,
        recorded=len(likenesses),
        replayed=min((one.correlation for one in likenesses), default=1.0),
        unit=OTHER_UNIT.decode(),
        reverberating=_short(filter(reverberates, names)),
        others=_short(filter(of_later, names)),
        totals="\n".join(f"| {what} | {count} | {goal} |" for what, count, *_, goal in rows(measured)),
        columns=" | ".join(COLUMNS),
        rules="---|" * (len(COLUMNS) - 1) + "---",
        table="\n".join(f"| {' | '.join(row.cells)} |" for row in measured),
    )


def main() -> None:
    """Measure, print, and write the page where one is named."""
    measured = measure()
    if not measured:
        sys.exit("; ".join([*parts.missing(), *([missing()] if missing() else [])]))
    Console(width=180).print(table(measured))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(measured), "utf-8")


if __name__ == "__main__":
    main()
