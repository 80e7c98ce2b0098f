"""What goes on by itself: the loops of each voice are its own, and its end is known."""

from __future__ import annotations

import asyncio

import pytest

from players import until
from sonic_pi import SonicPiServer, Sound
from sonickube_tui.engine import sonic_pi as engine
from sonickube_tui.engine.base import Alive, Ended, Started
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.render import Reply
from sound.stage import Stage

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

LOW, HIGH = 261.63, 523.25


def loop(note: int) -> str:
    return f"live_loop :same do\n  play {note}, release: 0.3\n  sleep 0.25\nend"


async def heard(server: SonicPiServer) -> Sound:
    """A second of what is to be heard once all that was asked for has come about."""
    await asyncio.sleep(1.2)
    await asyncio.to_thread(server.start_recording)
    await asyncio.sleep(1.0)
    return await asyncio.to_thread(server.stop_recording)


async def job(stage: Stage, voice: int) -> int:
    await until(lambda: any(isinstance(report, Started) for report in stage.reports[voice]))
    return next(report.job for report in stage.reports[voice] if isinstance(report, Started))


async def ask(server: SonicPiServer, ruby: str) -> list[object] | None:
    def code(reply: Reply) -> str:
        return f'SonicPi::OSC::UDPClient.new("{reply.host}", {reply.port}).send("/answer", *({ruby}))'

    return await asyncio.to_thread(server.ask, code)


async def test_two_voices_with_loops_of_one_name_have_each_its_own_fader_and_stop(
    stage: Stage, sonic_pi: SonicPiServer
) -> None:
    low, high = stage.play(loop(60)), stage.play(loop(72))
    jobs = [await job(stage, voice) for voice in (low, high)]
    both = await heard(sonic_pi)
    stage.engine.set_levels({jobs[1]: Level(0.0)})
    muted = await heard(sonic_pi)
    stage.engine.set_levels({jobs[1]: Level()})
    stage.engine.stop(jobs[:1])
    stopped = await heard(sonic_pi)
    stage.engine.stop(jobs[1:])
    silence = await heard(sonic_pi)
    assert both.strength(LOW) > 50 * muted.strength(HIGH)
    assert both.strength(HIGH) > 50 * muted.strength(HIGH)
    assert muted.strength(LOW) > 0.5 * both.strength(LOW)
    assert stopped.strength(HIGH) > 0.5 * both.strength(HIGH)
    assert stopped.strength(LOW) < 0.02 * both.strength(LOW)
    assert silence.peak == 0
    assert "Ended" in await stage.ended(low)
    assert "Ended" in await stage.ended(high)


async def test_named_threads_of_one_name_are_each_voices_own(stage: Stage, sonic_pi: SonicPiServer) -> None:
    text = "in_thread name: :same do\n  4.times { play %d, release: 0.2; sleep 0.5 }\nend"
    voices = [stage.play(text % note) for note in (60, 72)]
    await asyncio.to_thread(sonic_pi.start_recording)
    await asyncio.sleep(1.5)
    sound = await asyncio.to_thread(sonic_pi.stop_recording)
    assert sound.strength(HIGH) > 0.3 * sound.strength(LOW) > 0
    for voice in voices:
        await stage.ended(voice)
    assert sonic_pi.errors == []


async def test_cues_keep_the_written_name_and_loops_their_rules(
    stage: Stage, sonic_pi: SonicPiServer
) -> None:
    written = stage.play(
        "live_loop :beat do\n  sleep 0.25\nend\n"
        "live_loop :count, sync: :beat, init: 3 do |n|\n  set :counted, n\n  sleep 0.25\n  n + 1\nend\n"
        "in_thread do\n  4.times { sync :beat }\n  set :synced, 1\nend\n"
        "live_loop :quiet, auto_cue: false do\n  sleep 0.1\nend\n"
        "in_thread do\n  sync :quiet\n  set :disturbed, 1\nend"
    )
    other = stage.play("sync :beat\nset :across, 1")
    await asyncio.sleep(3)
    counted, *flags = await ask(sonic_pi, "[get(:counted), get(:synced), get(:across), get(:disturbed) || 0]")  # type: ignore[misc]
    assert counted >= 5  # type: ignore[operator]
    assert flags == [1, 1, 0]
    await stage.ended(other)
    stage.engine.stop([await job(stage, written)])
    await stage.ended(written)
    left = await ask(sonic_pi, "[@user_methods.instance_methods.grep(/__sk/).size, $sonickube_runs.size]")
    assert left == [0, 0]
    assert sonic_pi.errors == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("live_loop :a, sync: :a do\n  sleep 1\nend", "SonicPi::Lang::Core::LiveLockError"),
        ("live_loop do\n  sleep 1\nend", "ArgumentError"),
        ("live_loop :a do |b, c|\n  sleep 1\nend", "ArgumentError"),
        ("live_loop 5 do\n  sleep 1\nend", "ArgumentError"),
    ],
)
async def test_what_a_loop_is_refused_for_is_said_as_ever(stage: Stage, text: str, error: str) -> None:
    voice = stage.play(text)
    assert await stage.ended(voice) == ["Started", "Failed", "Ended"]
    failure = stage.failure(voice)
    assert failure
    assert (failure.error, failure.line) == (error, 1)


BROKEN: dict[str, tuple[str, str]] = {
    "what is kept was overwritten": (
        "$sonickube_runs = $sonickube_to = $sonickube_pans = $sonickube_panning = 7",
        "$sonickube_to = $sonickube_pans = $sonickube_panning = nil",
    ),
    "the end is not heard": (
        "$sonickube_ends = nil; def @life_hooks.extend(*) raise 'no' end; def @life_hooks.exit(*) end",
        "%i[extend exit].each { |name| @life_hooks.singleton_class.send(:remove_method, name) }",
    ),
    "nothing can be taught": (
        "$sonickube_names = nil; def self.extend(*) raise 'no' end",
        "singleton_class.send(:remove_method, :extend)",
    ),
    "the mixer cannot be set": (
        "def self.job_mixer(*) m = super; def m.ctl_now(*) raise 'no' end; m end",
        "singleton_class.send(:remove_method, :job_mixer)",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_whatever_fails_around_a_snippet_it_sounds_and_its_end_is_known(
    stage: Stage, sonic_pi: SonicPiServer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(engine, "ASK_EVERY", 0.5)
    breaks, mends = BROKEN[what]
    assert await ask(sonic_pi, f"({breaks}; [1])") == [1]
    try:
        await asyncio.to_thread(sonic_pi.start_recording)
        voice = stage.play(
            "play 60, release: 0.4\nlive_loop(:a) { play 60, release: 0.2; sleep 0.2; stop if tick == 2 }"
        )
        reports = await stage.ended(voice)
        sound = await asyncio.to_thread(sonic_pi.stop_recording)
    finally:
        assert await ask(sonic_pi, f"({mends}; [1])") == [1]
    assert stage.failure(voice) is None
    assert [name for name in dict.fromkeys(reports) if name != "Alive"] == ["Started", "Done", "Ended"]
    assert sound.pitch == pytest.approx(LOW, abs=3)
    await stage.ended(stage.play("play 60, release: 0.1\nsleep 2"))
    assert await ask(sonic_pi, "[$sonickube_ends, $sonickube_names].map { |taught| taught ? 1 : 0 }") == [
        1,
        1,
    ]


async def test_a_voice_that_loops_is_known_to_live_until_it_is_stopped(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ASK_EVERY", 0.3)
    voice = stage.play(loop(60))
    await until(lambda: sum(isinstance(report, Alive) for report in stage.reports[voice]) > 2)
    assert Ended(voice) not in stage.reports[voice]
    stage.engine.stop([await job(stage, voice)])
    await stage.ended(voice)
