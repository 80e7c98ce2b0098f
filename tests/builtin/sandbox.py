"""The language with the parts of this machine, for tests: knows nothing of pytest."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.instruments import instruments
from sonickube_tui.engine.builtin.score import Ended, Failed, Play, Said, ScoreEvent
from sonickube_tui.engine.builtin.vm import Ruby

PROGRAMS = Path(__file__).parent / "programs"
SNIPPETS = Path(__file__).parents[2] / "snippets"

EVENT: dict[str, object] = {
    "kind": "crash_loop",
    "severity": "critical",
    "count": 3,
    "restarts": 2,
    "health": 0.588,
    "cluster": "prod-eu",
    "namespace": "payments",
    "pod": "ledger-0",
    "owner": "StatefulSet/ledger",
    "node": "node-b",
    "reason": "",
    "message": "a 'quoted' #{text} \\ with ♪",
    "at": 1767225601.5,
}


def new_ruby(seconds: float = 2.0) -> Ruby:
    """A Ruby with what is installed, to the end of this program."""
    made = Ruby(
        parts.ruby(),
        cache=parts.compiled(),
        instruments=instruments(parts.synthdefs()),
        samples=parts.samples(),
        seconds=seconds,
    )
    atexit.register(made.close)
    return made


@cache
def ruby() -> Ruby:
    """One for all tests: they cannot disturb each other."""
    return new_ruby()


def played(
    text: str,
    *,
    until: float = 60.0,
    tempo: float = 60.0,
    seed: int = 0,
    event: Mapping[str, object] = EVENT,
    by: Ruby | None = None,
) -> list[ScoreEvent]:
    """What a snippet does up to a time."""
    by = by or ruby()
    by.start(1, text, event, tempo=tempo, seed=seed)
    try:
        return by.advance(1, until)
    finally:
        by.stop(1)


def said(text: str, **how: float) -> list[str]:
    """What a snippet prints; raises AssertionError when it fails."""
    events = played(text, **how)
    assert not failures(events), failures(events)
    return [event.text for event in events if isinstance(event, Said)]


def notes(events: list[ScoreEvent]) -> list[tuple[float, float]]:
    """When which notes play."""
    return [(round(event.at, 6), event.args["note"]) for event in events if isinstance(event, Play)]


def failures(events: list[ScoreEvent]) -> list[Failed]:
    """What went wrong."""
    return [event for event in events if isinstance(event, Failed)]


def ended(events: list[ScoreEvent]) -> bool:
    """Whether the run is over, and says so once and at its end."""
    return [isinstance(event, Ended) for event in events].count(True) == 1 and isinstance(events[-1], Ended)


def own_programs() -> dict[str, str]:
    """The programs of these tests by name."""
    return {file.stem: file.read_text("utf-8") for file in sorted(PROGRAMS.glob("*.rb"))}


def programs() -> dict[str, str]:
    """The programs of these tests and the snippets that are shipped, by name."""
    files = sorted(SNIPPETS.glob("*/*.rb"))
    return own_programs() | {f"{file.parent.name}/{file.stem}": file.read_text("utf-8") for file in files}
