"""What of a session is heard, and when."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from players import ROOT, event
from sonickube_tui.bounce.plan import Heard, Mixed, Plan
from sonickube_tui.event import Event, Kind
from sonickube_tui.music.health import Health
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.mixer import Channel, Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import read_theme

THEME = read_theme(ROOT / "themes" / "classic.toml")
LIBRARY = Library([ROOT / "snippets" / "classic"])
Happening = tuple[float, Event | Mixer]


def planned(*happenings: Happening, health: Health | None = None) -> tuple[Plan, list[Heard | Mixed]]:
    plan = Plan(theme=THEME, library=LIBRARY, merger=Merger(), health=health)
    return plan, list(plan.work_out(happenings))


def voices(cues: list[Heard | Mixed]) -> list[tuple[float, str, int]]:
    return [(cue.at, cue.voice.snippet, cue.voice.count) for cue in cues if isinstance(cue, Heard)]


def test_an_event_is_heard_when_it_happens() -> None:
    plan, cues = planned((1.0, event(Kind.READY)), (3.5, event(Kind.OOM_KILLED)))
    assert voices(cues) == [(1.0, "ready", 1), (3.5, "oom_killed", 1)]
    assert plan.unheard == 0


def test_what_comes_at_once_is_spaced_and_merged_as_when_it_is_played() -> None:
    for pace in (0.0, 0.01):
        _, cues = planned(*[(1.0 + pace * n, event(Kind.READY, pod=f"cart-{n}")) for n in range(5)])
        assert voices(cues) == [(1.0, "ready", 1), (1.25, "ready", 4)]


def test_a_mix_holds_from_its_moment_on() -> None:
    loud, muted = Mixer(), Mixer((Channel("shop", muted=True),))
    plan, cues = planned(
        (0.0, loud), (1.0, event(Kind.READY)), (2.0, muted), (3.0, event(Kind.READY)), (4.0, loud),
        (5.0, event(Kind.READY)),
    )  # fmt: skip
    assert [(type(cue), cue.at) for cue in cues] == [
        (Mixed, 0.0), (Heard, 1.0), (Mixed, 2.0), (Mixed, 4.0), (Heard, 5.0),
    ]  # fmt: skip
    assert plan.unheard == 1


def test_a_voice_knows_how_well_its_channel_is() -> None:
    pained = Health()
    pained.suffer(0.0, "shop", 1.0)
    _, cues = planned((0.0, event(Kind.READY)), health=pained)
    [heard] = cues
    assert isinstance(heard, Heard)
    assert heard.voice.health == 0.5


def test_what_has_no_snippet_is_counted() -> None:
    plan = Plan(theme=THEME, library=Library([Path("nowhere")]), merger=Merger())
    assert list(plan.work_out([(0.0, event(Kind.READY))])) == []
    assert plan.unheard == 1


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from(list(Kind)), st.sampled_from("abc")), max_size=200)
)
def test_every_event_is_heard_once_or_counted_and_voices_are_in_order(
    happened: list[tuple[float, Kind, str]],
) -> None:
    happenings = sorted((at, kind, namespace) for at, kind, namespace in happened)
    plan, cues = planned(*[(at, event(kind, namespace)) for at, kind, namespace in happenings])
    heard = [cue for cue in cues if isinstance(cue, Heard)]
    assert sum(cue.voice.count for cue in heard) + plan.unheard == len(happened)
    assert [cue.at for cue in cues] == sorted(cue.at for cue in cues)
    assert [cue.voice.id for cue in heard] == list(range(1, len(heard) + 1))
