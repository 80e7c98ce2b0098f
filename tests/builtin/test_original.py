"""The built-in player's scores against what the real Sonic Pi sends to its sound engine."""

from __future__ import annotations

import functools
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builtin.original import HORIZON, Noted, noted
from builtin.reference import replayed
from builtin.sandbox import EVENT, own_programs, played, programs
from builtin.test_same_sound import likeness
from sonic_pi import SonicPiServer, Sound, missing
from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.instruments import instruments
from sonickube_tui.engine.builtin.mix import RATE
from sonickube_tui.engine.builtin.offline import Take, offline
from sonickube_tui.engine.builtin.score import Control, Effect, Failed, Kill, Play, Said, ScoreEvent

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound"), pytest.mark.timeout(400)]

TEMPO = 60.0
SEED = 7

Fact = tuple[object, ...]
"""One thing that was done, in words that both sides share."""

Known = dict[str, dict[str, float]]
"""Definition to its arguments."""

PROGRAMS = programs()

TEMPI = (90.0, 120.0, 37.5)
"""What tempo a program is begun at must be heard in it; the shipped snippets are compared at one."""

BOTH = [(name, TEMPO) for name in PROGRAMS] + [(name, tempo) for tempo in TEMPI for name in own_programs()]


@functools.cache
def original(tempo: float) -> dict[str, list[Noted]]:
    """What the real one does with every program."""
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    with SonicPiServer() as server:
        asked = PROGRAMS if tempo == TEMPO else own_programs()
        return noted(server, asked, event=EVENT, tempo=tempo, seed=SEED)


@pytest.mark.parametrize(("name", "tempo"), BOTH)
def test_a_program_does_the_same(name: str, tempo: float) -> None:
    theirs = Counter(facts_of_notes(original(tempo)[name]))
    ours = Counter(facts_of_score(played(PROGRAMS[name], until=HORIZON, tempo=tempo, seed=SEED)))
    assert theirs
    assert sorted((ours - theirs).elements(), key=repr) == []
    assert sorted((theirs - ours).elements(), key=repr) == []


UNLIKE = {"every_synth"}
"""Programs with definitions that sound otherwise: docs/player-parity.md has which and why."""


HEARD = (
    "tempo",
    "options",
    "control",
    "effects",
    "fx_control",
    "fx_warp",
    "sample_length",
    "sample_control",
    "tuning",
)
"""Programs that are heard at another tempo, too."""


@pytest.mark.parametrize(
    ("name", "tempo"),
    [(name, TEMPO) for name in sorted(PROGRAMS.keys() - UNLIKE)] + [(name, TEMPI[0]) for name in HEARD],
)
def test_a_program_sounds_the_same(name: str, tempo: float) -> None:
    """Noise too: nothing is by chance where no clock moves what sounds within a control block."""
    events = played(PROGRAMS[name], until=HORIZON, tempo=tempo, seed=SEED)
    theirs = replayed(original(tempo)[name], HORIZON)
    blocks = offline([Take(at=0.0, run=1, events=events)], seconds=HORIZON)
    ours = Sound(np.concatenate(list(blocks)).astype(float), RATE)
    if any(isinstance(event, Play) for event in events):
        assert likeness(theirs, ours) > 0.993
        assert (ours.samples**2).sum() == pytest.approx((theirs.samples**2).sum(), rel=0.05)
    else:
        assert theirs.peak == ours.peak == 0.0


NOT_SAID = "no match found, skipping."
"""The end of a line that the real one has in its log, not among what a program says."""


def facts_of_score(events: list[ScoreEvent]) -> list[Fact]:
    """What our score says, up to the horizon."""
    facts: list[Fact] = []
    sounds: dict[int, Fact] = {0: ()}
    for event in events:
        match event:
            case Play() | Effect():
                where = sounds[event.place]
                sample = event.sample if isinstance(event, Play) else ""
                sounds[event.node] = (event.synth, _time(event.at), _args(event.args), sample, where)
                facts.append(sounds[event.node])
            case Control():
                facts.append(("control", _time(event.at), _args(event.args), sounds[event.node]))
            case Kill():
                facts.append(("kill", _time(event.at), sounds[event.node]))
            case Said() if not event.text.endswith(NOT_SAID):
                facts.append(("said", _time(event.at), event.text))
            case Failed():
                facts.append(("failed", _time(event.at), event.line))
    return [fact for fact in facts if _when(fact) < HORIZON - 0.01]


def facts_of_notes(notes: list[Noted]) -> list[Fact]:
    """What the real one was seen to send, up to the horizon; its own mixers and groups left out."""
    known: Known = {one.name: one.defaults for one in instruments(parts.synthdefs()).values()}
    facts: list[Fact] = []
    sounds: dict[int, Fact] = {}
    members: dict[int, list[int]] = {}
    places: dict[float, Fact] = {}
    samples: dict[float, str] = {}
    for what, at, arguments, _ in notes:
        match what:
            case "sample":
                samples[arguments[0]] = Path(arguments[1]).stem
            case "/s_new" if arguments[0] in known:
                synth, node, _, group, *flat = arguments
                args = _pairs(flat)
                where = places.get(args["out_bus"], ())
                sample = samples[args["buf"]] if "buf" in args else ""
                names = known[synth].keys() - _OWN
                sent = {name: value for name, value in args.items() if name in names}
                sounds[node] = (synth, _time(at), _args(sent), sample, where)
                members.setdefault(group, []).append(node)
                if "in_bus" in args:
                    places[args["in_bus"]] = sounds[node]
                facts.append(sounds[node])
            case "/n_set" | "/n_free":
                nodes = members.get(arguments[0], [arguments[0]])
                changed = [sounds[node] for node in nodes if node in sounds]
                facts += [_change(what, at, arguments[1:], sound, known) for sound in changed]
            case "said":
                facts.append(("said", _time(at), arguments[0]))
            case "failed":
                facts.append(("failed", _time(at), arguments[2]))
    told = [fact for fact in facts if fact[0] != "control" or fact[2]]
    return [fact for fact in told if _when(fact) < HORIZON - 0.01]


_OWN = {"out_bus", "in_bus", "buf", "rand_buf"}
"""Arguments that say where, not what."""


def _change(what: str, at: float, flat: list[Any], sound: Fact, known: Known) -> Fact:
    if what == "/n_free":
        return ("kill", _time(at), sound)
    args = {name: value for name, value in _pairs(flat).items() if name in known[str(sound[0])]}
    return ("control", _time(at), _args(args), sound)


def _pairs(flat: list[Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _args(args: dict[str, float]) -> Fact:
    return tuple(sorted((name, round(value, 6)) for name, value in args.items()))


def _time(at: float) -> float:
    return round(at, 4)


def _when(fact: Fact) -> float:
    return float(fact[1])  # type: ignore[arg-type]
