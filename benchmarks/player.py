"""`python -m benchmarks.player [FILE]`: the built-in player beside the real Sonic Pi, program by program.

What both send to SuperCollider is compared event by event, what sounds also sample by sample. Prints the
table, and writes it as the page docs/player-parity.md when that file is named.
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
from builtin.sandbox import EVENT, played, programs
from builtin.test_original import SEED, TEMPO, Fact, facts_of_notes, facts_of_score
from sonic_pi import SonicPiServer, Sound, missing
from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.instruments import PREFIX, instruments
from sonickube_tui.engine.builtin.mix import RATE
from sonickube_tui.engine.builtin.offline import Take, offline
from sonickube_tui.engine.builtin.score import Effect, Play, ScoreEvent

DEFINITIONS = Path("/usr/share/sonic-pi/synthdefs/compiled")
"""The synth definitions of the real one."""

CORRELATION, LEVEL = 0.99, 0.5
"""The goals: at least, and at most so many dB either way."""

LONGEST = 8.0
"""Seconds of a program that are recorded."""

AHEAD = 0.5
"""Seconds that Sonic Pi works ahead by itself."""

GAP = 1.0
"""Seconds of silence between two programs."""

SETTLED = 3.0
"""Seconds after which the recorder surely runs."""

SHIFTS = range(0, 64, 8)
"""Frames after a control block's beginning at which a run may begin: where Sonic Pi's did, nobody knows."""

BY_CHANCE = re.compile(rb"Noise|Rand|Dust")
"""Unit generators, as definitions name them, that no two runs of scsynth have alike."""


class Likeness(msgspec.Struct, frozen=True, gc=False):
    """The correlation of two sounds where they fit best, and by how many dB the second is louder."""

    correlation: float
    level: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One program.

    `difference` is the first event that only one side has, empty when there is none. `chance` are the
    definitions it plays that sound different each time, `others` those that are not Sonic Pi 3.2.2's. `ours`
    is our sound beside Sonic Pi's, None when it makes none; `itself` a second take of Sonic Pi's.
    """

    program: str
    events: int
    difference: str
    chance: list[str]
    others: list[str]
    ours: Likeness | None = None
    itself: Likeness | None = None

    @property
    def met(self) -> bool:
        """Whether it does the same and sounds as the goals say."""
        return not self.difference and (self.ours is None or sounds_alike(self.ours, self.chance))

    @property
    def cells(self) -> tuple[str, ...]:
        """It as text, a cell for each of `COLUMNS`."""
        ours, itself = (
            (f"{one.correlation:.4f}", f"{one.level:+.2f} dB") if one else ("", "")
            for one in (self.ours, self.itself)
        )
        why = [f"by chance: {', '.join(self.chance)}"] if self.chance else []
        why += [f"another definition: {', '.join(self.others)}"] if self.others else []
        events = self.difference or f"{self.events} equal"
        return (self.program, events, *ours, *itself, "yes" if self.met else "NO", "; ".join(why))


COLUMNS = (
    "program",
    "events",
    "correlation",
    "level",
    "of two takes of Sonic Pi",
    "their level",
    "goal met",
    "why it may be lower",
)


def sounds_alike(likeness: Likeness, chance: Iterable[str]) -> bool:
    """Whether the goal for the sound is met."""
    return abs(likeness.level) <= LEVEL if any(chance) else likeness.correlation >= CORRELATION


def all_programs() -> dict[str, str]:
    """The shipped snippets, our programs, and a note with each synth that Sonic Pi 3.2.2 has."""
    names = [name for name in instruments(parts.synthdefs()) if not name.startswith("fx_")]
    names = [name for name in names if not name.endswith("_player") and _theirs(PREFIX + name).is_file()]
    return programs() | {f"synth {name}": f"use_synth :{name}\nplay 60" for name in names}


# Our side


def render(events: list[ScoreEvent], shift: int = 0) -> Sound:
    """A score as it sounds, begun so many frames after a control block's beginning."""
    later = [msgspec.structs.replace(event, at=event.at + shift / RATE) for event in events]
    blocks = offline([Take(at=0.0, run=1, events=later)], seconds=LONGEST)
    return Sound(np.concatenate(list(blocks)).astype(float), RATE)


@functools.cache
def _theirs(definition: str) -> Path:
    return DEFINITIONS / f"{definition}.scsyndef"


def definitions(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Those of them that sound different each time, and those that are not Sonic Pi 3.2.2's."""
    chance, others = [], []
    for name in sorted(set(names)):
        data = (parts.synthdefs() / f"{name}.scsyndef").read_bytes()
        if BY_CHANCE.search(data):
            chance.append(name.removeprefix(PREFIX))
        if not _theirs(name).is_file() or _theirs(name).read_bytes() != data:
            others.append(name.removeprefix(PREFIX))
    return chance, others


# Their side


def record(server: SonicPiServer, texts: Mapping[str, str], seconds: Mapping[str, float]) -> dict[str, Sound]:
    """Programs one after another, each as long as it is to sound."""
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


def likeness(sound: Sound, events: list[ScoreEvent], chance: list[str]) -> Likeness:
    """Our sound of a score beside Sonic Pi's, begun where in a control block it fits best."""
    best = compare(sound, render(events))
    for shift in SHIFTS[1:]:
        if chance or sounds_alike(best, chance):
            break
        best = max(best, compare(sound, render(events, shift)), key=lambda one: one.correlation)
    return best


def measure(texts: Mapping[str, str] | None = None) -> list[Row]:
    """A row for each program; none without a real Sonic Pi and the built-in player's parts."""
    if missing() or parts.missing():
        return []
    texts = texts or all_programs()
    scores = {name: played(text, until=LONGEST, tempo=TEMPO, seed=SEED) for name, text in texts.items()}
    plays = {name: any(isinstance(event, Play) for event in events) for name, events in scores.items()}
    seconds = {name: render(events).seconds for name, events in scores.items() if plays[name]}
    rows: dict[str, Row] = {}
    with SonicPiServer() as server:
        notes = original.noted(server, texts, event=EVENT, tempo=TEMPO, seed=SEED)
        server.run(f"set_sched_ahead_time! {AHEAD}")
        sounds = record(server, {name: texts[name] for name in seconds}, seconds)
        for name, events in scores.items():
            theirs, ours = facts_of_notes(notes[name]), facts_of_score(events)
            chance, others = definitions(e.synth for e in events if isinstance(e, Play | Effect))
            rows[name] = Row(
                program=name,
                events=len(theirs),
                difference=first_difference(theirs, ours),
                chance=chance,
                others=others,
                ours=likeness(sounds[name], events, chance) if name in sounds else None,
            )
        missed = {name: texts[name] for name, row in rows.items() if row.ours and not row.met}
        for name, again in record(server, missed, seconds).items():
            rows[name] = msgspec.structs.replace(rows[name], itself=compare(sounds[name], again))
    return sorted(rows.values(), key=lambda row: row.program)


def rows(measured: list[Row]) -> Iterator[tuple[str, ...]]:
    """For the table of all benchmarks: how many programs meet which goal."""
    if not measured:
        return
    same = sum(not row.difference for row in measured)
    yield "programs that do the same as on Sonic Pi 3.2.2", f"{same} of {len(measured)}", "", "", "all"
    for what, goal, some in (
        (
            "of these, without chance",
            f"correlation >= {CORRELATION}",
            [row for row in measured if not row.chance],
        ),
        ("of these, with chance", f"level within {LEVEL} dB", [row for row in measured if row.chance]),
    ):
        heard = [row for row in some if row.ours]
        alike = sum(sounds_alike(row.ours, row.chance) for row in heard if row.ours)
        yield f"{what}, those that sound the same", f"{alike} of {len(heard)}", "", "", goal


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
- **Correlation** of our sound with the recorded one where they fit best, both ears, at most {longest:g} s.
  Below the goal, ours is begun at eight places within a control block, and the best is told.
  Goal where nothing sounds by chance: {correlation}.
- **Level**: by how many dB ours has more energy. Goal where something sounds by chance: within {level} dB.

What misses its goal was recorded a second time: two takes of Sonic Pi tell how alike it is to itself.

A lower correlation is expected

- by chance: these definitions have the sound engine's noise or random numbers, other ones each time:
  {chance};
- by another definition: the npm package has these otherwise than Sonic Pi 3.2.2:
  {others};
- by time: a sound begins with a control block of 64 frames (1.5 ms). Where in a block a run of Sonic Pi
  begins is up to its clock, so sounds that follow one another are up to a block nearer or farther apart,
  each time differently. The brighter they are, the more that lowers the correlation. Also,
  envelopes begin a control block later in SuperCollider 3.14, ours, than in 3.13, Debian's.

None of these explains what follows, since two takes of Sonic Pi are alike and ours is not: {unexplained}.

| | in all | goal |
|---|---|---|
{totals}

| {columns} |
|{rules}|
{table}
"""


def page(measured: list[Row]) -> str:
    """The rows as the page in docs/."""
    chance, others = definitions(file.stem for file in sorted(DEFINITIONS.glob(f"{PREFIX}*.scsyndef")))
    # Without chance, a second take is as like the first as the clock lets it be.
    alone = [row for row in measured if not row.met and not row.chance and not row.others]
    unexplained = [row.program for row in alone if row.itself and row.itself.correlation >= CORRELATION]
    return PAGE.format(
        unexplained=", ".join(unexplained) or "nothing",
        horizon=original.HORIZON,
        longest=LONGEST,
        correlation=CORRELATION,
        level=LEVEL,
        chance=", ".join(chance),
        others=", ".join(others),
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
