"""Every shipped snippet on a real Sonic Pi: it runs, is heard, ends, and is as loud as it is urgent."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import pairwise

import pytest

from players import ROOT, event, until
from sonic_pi import SonicPiServer, Sound
from sonickube_tui.event import Event, Kind, Severity
from sonickube_tui.music.theme import Theme, read_theme
from sound.stage import Stage, on_stage

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

SECONDS = {Severity.OK: 1.5, Severity.INFO: 1.5, Severity.WARNING: 2.5, Severity.ERROR: 3.0}
"""How long a snippet may sound; a critical one may take five seconds."""

PEAK = 0.25
"""Full scale is 1.0: four of the loudest at once do not clip."""

GARDEN = {
    "birds": (2000, 5000),
    "crickets": (4000, 5000),
    "leaves": (2000, 6000),
    "bee": (200, 1200),
    "brook": (500, 2000),
    "gong": (150, 1000),
    "thunder": (100, 400),
}
"""Where the middle of the spectrum lies, in Hz, of what goes by the name."""

GAP = 0.15


def snippets(theme: Theme) -> dict[str, Kind]:
    """Each snippet of a theme, with the first kind that it stands for."""
    found: dict[str, Kind] = {}
    for kind in Kind:
        found.setdefault(theme.candidates(kind)[0], kind)
    return found


def text_of(theme: Theme, name: str) -> str:
    return (ROOT / "snippets" / theme.name / f"{name}.rb").read_text("utf-8")


async def recorded(server: SonicPiServer, stage: Stage, theme: Theme) -> dict[str, Sound]:
    """Each snippet of a theme alone, one after the other in one recording."""
    sent: dict[str, float] = {}
    server.start_recording()
    await asyncio.sleep(2 * GAP)
    for name, kind in snippets(theme).items():
        sent[name] = server.recorded - GAP / 2
        voice = stage.play(text_of(theme, name), event(kind, restarts=2))
        assert await stage.ended(voice) == ["Started", "Done", "Ended"], (name, stage.failure(voice))
        await asyncio.sleep(GAP)
    sent["end"] = server.recorded
    whole = await asyncio.to_thread(server.stop_recording)
    return {name: whole.between(start, end) for (name, start), (_, end) in pairwise(sent.items())}


@pytest.mark.parametrize("name", ["classic", "zen"])
async def test_each_is_heard_and_as_loud_as_it_is_urgent(sonic_pi: SonicPiServer, name: str) -> None:
    theme = read_theme(ROOT / "themes" / f"{name}.toml")
    async with on_stage(sonic_pi) as stage:
        sounds = await recorded(sonic_pi, stage, theme)
    louder: defaultdict[Severity, list[float]] = defaultdict(list)
    for snippet, kind in snippets(theme).items():
        sound = sounds[snippet]
        low, high = GARDEN.get(snippet, (125, 5000))
        assert low < sound.sounding().centroid < high, snippet
        assert 0.01 < sound.peak < PEAK, snippet
        assert 0.2 <= sound.sounding().seconds <= SECONDS.get(kind.severity, 5.0), snippet
        calm = kind.severity in (Severity.OK, Severity.INFO)
        louder[Severity.INFO if calm else kind.severity].append(sound.loudness)
    steps = [louder[severity] for severity in list(Severity)[1:]]
    for calmer, graver in pairwise(steps):
        # A chord's loudness depends a little on its register, so severities may touch but not cross.
        assert max(calmer) < 1.05 * min(graver), louder
        assert sum(calmer) / len(calmer) * 1.25 < sum(graver) / len(graver), louder
    if name == "zen":
        assert sounds["birds"].onsets >= 3
        assert sounds["thunder"].sounding().seconds > 2
    assert sonic_pi.errors == []


def extreme(kind: Kind, namespace: str) -> Event:
    return event(kind, namespace=namespace, pod="", restarts=100_000)


@pytest.mark.parametrize("name", ["classic", "zen"])
async def test_no_event_is_too_much(sonic_pi: SonicPiServer, stage: Stage, name: str) -> None:
    """Absurd numbers, every register and place, several at once: no failure, no clipping, an end."""
    theme = read_theme(ROOT / "themes" / f"{name}.toml")
    sonic_pi.start_recording()
    voices: dict[int, str] = {}
    for number, (snippet, kind) in enumerate(snippets(theme).items()):
        about = extreme(kind, "abcdefghijklmnopqrstuvwxyz"[number % 15 :: 15])
        voice = stage.play(text_of(theme, snippet), about, count=10_000, health=0.0)
        voices[voice] = snippet
        await until(lambda: stage.reports[voice])  # noqa: B023
        await asyncio.sleep(0.9)
    for voice, snippet in voices.items():
        assert await stage.ended(voice) == ["Started", "Done", "Ended"], (snippet, stage.failure(voice))
    sound = await asyncio.to_thread(sonic_pi.stop_recording)
    assert 0.05 < sound.peak < 0.9
    assert sonic_pi.errors == []
