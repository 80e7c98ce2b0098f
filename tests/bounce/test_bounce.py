"""A session as a sound file, rendered by the real parts and measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import tapes
from players import ROOT
from sonickube_tui import playback
from sonickube_tui.bounce.file import Bounced, Excerpt, bounce, check_target
from sonickube_tui.engine.builtin import parts
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.mixer import Channel
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import read_theme
from sonickube_tui.session.format import Line, MixLine
from sonickube_tui.session.opening import open_session
from sonickube_tui.settings import Settings

pytestmark = pytest.mark.real

THEME = read_theme(ROOT / "themes" / "classic.toml")


@pytest.fixture(autouse=True)
def sound() -> None:
    if lack := parts.missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)("; ".join(lack))


def bounced(
    folder: Path, *lines: Line, name: str = "out.wav", snippet: str = "", **excerpt: Any
) -> tuple[Bounced, Any]:
    """A session of these lines as a file: what became of it, and its samples, a row for each frame."""
    import soundfile

    session = tapes.write(folder / "session.jsonl", lines)
    own = folder / "snippets"
    own.mkdir(exist_ok=True)
    if snippet:
        (own / "ready.rb").write_text(snippet)
    with open_session([session], follow=False) as opened:
        opened.wait()
        done = bounce(
            opened,
            Excerpt(**{"begin": 0.0, "end": opened.index.end} | excerpt),
            folder / name,
            theme=THEME,
            library=Library([ROOT / "snippets" / "classic", own]),
            merger=Merger(),
            samples=[own, own / "samples"],
        )
    return done, soundfile.read(folder / name)[0]


def loudness(samples: Any, begin: float, end: float) -> float:
    """The root of the mean square between two moments, in seconds."""
    piece = samples[int(44_100 * begin) : int(44_100 * end)]
    return float((piece**2).mean() ** 0.5)


def test_an_event_sounds_at_its_moment_and_before_it_there_is_silence(tmp_path: Path) -> None:
    done, samples = bounced(tmp_path, tapes.happened(2.0))
    assert (done.voices, done.unheard, done.failures) == (1, 0, ())
    assert loudness(samples, 0.0, 1.99) == 0.0
    assert loudness(samples, 2.05, 2.5) > 0.005


def test_the_same_session_gives_the_same_bytes(tmp_path: Path) -> None:
    lines = [
        tapes.happened(n / 3, kind) for n, kind in enumerate((Kind.CREATED, Kind.OOM_KILLED, Kind.READY))
    ]
    for name in ("one.flac", "two.flac"):
        bounced(tmp_path, *lines, name=name)
    assert (tmp_path / "one.flac").read_bytes() == (tmp_path / "two.flac").read_bytes()


def test_files_beside_the_snippet_sound_and_give_the_same_bytes(tmp_path: Path) -> None:
    hum = 0.5 * np.sin(2 * np.pi * 220 * np.arange(48_000) / 48_000)
    (tmp_path / "snippets" / "samples").mkdir(parents=True)
    soundfile.write(tmp_path / "snippets" / "samples" / "hum.ogg", hum, 48_000)
    snippet = "sample :hum, rate: 2, amp: 2\nsample 'ham.wav' if ev[:namespace] == 'ops'"
    for name in ("one.flac", "two.flac"):
        lines = tapes.happened(1.0), tapes.happened(3.0, namespace="ops")
        done, samples = bounced(tmp_path, *lines, name=name, snippet=snippet)
        (failure,) = done.failures
        assert failure.startswith('ready.rb line 2: SampleError: sample "ham.wav": no such file')
        assert loudness(samples, 0.0, 0.99) == 0.0
        assert loudness(samples, 1.1, 1.4) > 0.05
        assert loudness(samples, 1.7, 2.9) < 0.001
        assert loudness(samples, 3.1, 3.4) > 0.05
    assert (tmp_path / "one.flac").read_bytes() == (tmp_path / "two.flac").read_bytes()


def test_a_mute_acts_on_what_sounds(tmp_path: Path) -> None:
    tone = "play 60, sustain: 4, release: 0"
    muted = MixLine(t=3.0, channels=(Channel("shop", muted=True),))
    _, samples = bounced(
        tmp_path, tapes.happened(1.0), muted, tapes.happened(5.0, namespace="ops"), snippet=tone
    )
    assert loudness(samples, 2.5, 2.9) > 0.01
    assert loudness(samples, 3.1, 4.9) == 0.0
    assert loudness(samples, 5.2, 6.0) > 0.01


def test_a_dim_is_as_deep_as_the_settings_say(tmp_path: Path) -> None:
    lines = [MixLine(t=0.0, channels=(), dimmed=True), tapes.happened(1.0)]
    session = tapes.write(tmp_path / "session.jsonl", lines)

    def at(dim_db: float) -> float:
        file = tmp_path / f"{dim_db}.wav"
        settings = Settings(dim_db=dim_db, snippets=str(tmp_path))
        playback.bounce([session], file, settings, playback.Wishes(), end="", only=(), bits=24)
        return loudness(soundfile.read(file)[0], 1.0, 1.5)

    assert at(-20.0) == pytest.approx(0.1 * at(0.0), rel=0.01)


def test_a_pan_acts_on_what_sounds_and_on_what_begins(tmp_path: Path) -> None:
    tone = "play 60, sustain: 4, release: 0"
    panned = MixLine(t=3.0, channels=(Channel("shop", pan=-1.0), Channel("ops", pan=0.5)))
    _, samples = bounced(
        tmp_path, tapes.happened(1.0), panned, tapes.happened(5.5, namespace="ops"), snippet=tone
    )
    left, right = samples[:, 0], samples[:, 1]
    middle = loudness(left, 2.5, 2.9)
    assert middle > 0.01
    assert loudness(right, 2.5, 2.9) == pytest.approx(middle, rel=0.01)
    assert loudness(left, 3.1, 4.9) == pytest.approx(middle, rel=0.01)
    assert loudness(right, 3.1, 4.9) == 0.0
    assert loudness(left, 6.0, 9.0) == pytest.approx(0.5 * middle, rel=0.01)
    assert loudness(right, 6.0, 9.0) == pytest.approx(middle, rel=0.01)


def test_an_excerpt_is_heard_alone_and_faster(tmp_path: Path) -> None:
    lines = [tapes.happened(1.0), tapes.happened(9.0, namespace="ops"), tapes.happened(10.0)]
    done, samples = bounced(tmp_path, *lines, begin=8.0, speed=4.0, only=["sho*"])
    assert done.voices == 1
    assert loudness(samples, 0.0, 0.45) == 0.0
    assert loudness(samples, 0.55, 0.8) > 0.005


def test_a_loop_ends_with_the_session(tmp_path: Path) -> None:
    loop = "live_loop :beat do\n  play 60\n  sleep 0.5\nend"
    done, samples = bounced(tmp_path, tapes.happened(0.0), snippet=loop)
    assert 8 < done.seconds < 15
    assert loudness(samples, 7.0, 8.0) > 0.005


def test_a_snippet_that_fails_is_told_and_the_others_are_heard(tmp_path: Path) -> None:
    done, samples = bounced(
        tmp_path, tapes.happened(0.0), tapes.happened(1.0, Kind.OOM_KILLED), snippet="play 60\nraise 'no'"
    )
    assert done.failures == ("ready.rb line 2: RuntimeError: no",)
    assert loudness(samples, 1.1, 1.5) > 0.005


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must end in \.wav or \.flac"):
        check_target(tmp_path / "out.mp3")
    (tmp_path / "out.wav").touch()
    with pytest.raises(UserError, match="is there already"):
        check_target(tmp_path / "out.wav")
    with pytest.raises(UserError, match="cannot be written"):
        bounced(tmp_path, tapes.happened(0.0), name="no/out.wav")


def test_an_engine_that_cannot_be_had_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "nanosynth.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(broken))  # For SuperCollider's process only.
    with pytest.raises(UserError, match="the built-in player cannot go on: SuperCollider's engine ended"):
        bounced(tmp_path, tapes.happened(0.0), tapes.happened(1.0))
