"""The user's sound files: which are found, what each holds, and that nothing else is ever read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from builtin.sandbox import ended, failures, played
from sonic_pi import Sound
from sonickube_tui.engine.builtin import files as files_module
from sonickube_tui.engine.builtin.files import Files, Refusal, answer
from sonickube_tui.engine.builtin.mix import RATE
from sonickube_tui.engine.builtin.offline import Take, offline
from sonickube_tui.engine.builtin.score import Play, Said
from sonickube_tui.engine.builtin.vm import Ruby, installed_ruby

real = [pytest.mark.real, pytest.mark.usefixtures("sound")]


def tone(file: Path, pitch: float = 441.0, seconds: float = 0.5, rate: int = RATE, channels: int = 1) -> Path:
    """A sound file with a tone at half of full scale, in the format that its name says."""
    file.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    formats = {".aif": "AIFF", ".wave": "WAV", ".oga": "OGG"}
    kind = formats.get(file.suffix.lower(), file.suffix.lower()[1:].upper())
    soundfile.write(file, np.repeat(wave[:, None], channels, axis=1), rate, format=kind)
    return file


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """The folder that a snippet is in."""
    folder = tmp_path / "snippets"
    folder.mkdir()
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The user's own folder for samples."""
    return tmp_path / "config" / "samples"


@pytest.fixture
def files(beside: Path, own: Path, tmp_path: Path) -> Files:
    decoded = tmp_path / "decoded"
    decoded.mkdir()
    return Files([beside, beside / "samples", own], decoded)


@pytest.mark.parametrize("name", ["a.wav", "B.WAVE", "c.aif", "d.aiff", "e.flac", "f.ogg", "g.oga"])
@pytest.mark.parametrize(("rate", "channels"), [(RATE, 1), (48_000, 2), (22_050, 1)])
def test_a_file_of_each_format_is_what_it_says(
    files: Files, beside: Path, name: str, rate: int, channels: int
) -> None:
    tone(beside / name, rate=rate, channels=channels)
    known, sample, _ = files.load(name)
    assert sample.channels == channels
    assert sample.seconds == pytest.approx(0.5, abs=0.05)
    decoded = files.decoded(known)
    assert decoded
    assert soundfile.info(decoded).samplerate == rate
    assert np.abs(soundfile.read(decoded)[0]).max() == pytest.approx(0.5, abs=0.02)


def test_nothing_is_lost_in_decoding(files: Files, beside: Path) -> None:
    noise = np.random.default_rng(1).integers(-(2**23), 2**23, 10_000).astype(np.int32) * 256
    soundfile.write(beside / "noise.flac", noise, RATE, "PCM_24")
    decoded = files.decoded(files.load("noise.flac")[0])
    assert decoded
    assert (soundfile.read(decoded, dtype="float32")[0] == noise.astype(np.float32) / 2**31).all()


def test_the_first_folder_that_has_a_name_counts(files: Files, beside: Path, own: Path) -> None:
    lengths = {}
    for seconds, folder in enumerate((own, beside / "samples", beside), 1):
        tone(folder / "kick.wav", seconds=seconds / 10)
        lengths[folder] = files.load("kick.wav")[1].seconds
    assert list(lengths.values()) == pytest.approx([0.1, 0.2, 0.3])
    assert files.all() == ["kick.wav"]


def test_a_file_that_was_changed_is_read_again(files: Files, beside: Path) -> None:
    file = tone(beside / "kick.wav", seconds=0.1)
    first = files.load("kick.wav")
    assert files.load("kick.wav") == first._replace(worked=False)
    tone(file, seconds=0.2)
    assert files.load("kick.wav")[1].seconds == pytest.approx(0.2)
    assert files.decoded(first[0])


def test_a_folder_is_its_sound_files_in_order(files: Files, own: Path) -> None:
    for name in ("b.wav", "A.flac", ".hidden.wav", "deeper/c.ogg", "notes.txt"):
        (own / "drums" / name).parent.mkdir(parents=True, exist_ok=True)
        (own / "drums" / name).touch()
    assert files.at("drums") == files.at("drums/") == ["drums/A.flac", "drums/b.wav"]
    assert files.at("drums/**") == ["drums/A.flac", "drums/b.wav", "drums/deeper/c.ogg"]
    assert files.all() == files.at("drums/**")


@pytest.mark.parametrize(
    "path",
    [
        "drums/kick.wav",
        "drums\\kick.wav",
        "./drums/../drums/kick.wav",
        "/home/somebody/music/drums/kick.wav",
        "C:/Users/somebody/drums/kick.wav",
        "~/somewhere/drums/kick.wav",
        "{own}/drums/kick.wav",
    ],
)
def test_a_path_is_looked_for_by_its_end(files: Files, own: Path, path: str) -> None:
    tone(own / "drums" / "kick.wav")
    assert files.at(path.format(own=own)) == ["drums/kick.wav"]


def escape(tmp_path: Path, beside: Path) -> dict[str, str]:
    """Ways out to a file that is there, by what they are."""
    outside = tone(tmp_path / "outside" / "secret.wav")
    (beside / "link.wav").symlink_to(outside)
    (beside / "way").symlink_to(outside.parent)
    (beside / "loop.wav").symlink_to(beside / "loop.wav")
    return {
        "up": "../outside/secret.wav",
        "in and up": "x/../../outside/secret.wav",
        "a path elsewhere": str(outside),
        "a folder elsewhere": str(outside.parent),
        "up from elsewhere": f"/x/..{outside}",
        "a link": "link.wav",
        "a linked folder": "way",
        "through a linked folder": "way/secret.wav",
        "a link to itself": "loop.wav",
        "all below": f"{outside.parent}/**",
        "the root": "/",
        "nothing": "",
        "no name": "a\0b.wav",
        "a long name": "x" * 5000 + ".wav",
    }


ESCAPES = [
    *("up", "in and up", "a path elsewhere", "a folder elsewhere", "up from elsewhere", "a link", "the root"),
    *("a linked folder", "through a linked folder", "a link to itself", "all below", "nothing", "no name"),
    "a long name",
]


@pytest.mark.parametrize("way", ESCAPES)
def test_nothing_outside_of_the_folders_is_found(
    files: Files, beside: Path, tmp_path: Path, way: str
) -> None:
    path = escape(tmp_path, beside)[way]
    for ask in (files.at, files.load):
        with pytest.raises(Refusal):
            ask(path)
    assert files.all() == []


@given(st.text(st.sampled_from("./\\~ab*\0é:C "), max_size=20))
@settings(deadline=None)
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "fixed"
    if not folder.is_dir():
        for name in ("in/a", "in/b/a", "a", "b/a"):
            tone(folder / f"{name}.wav")
    files = Files([folder / "in"], folder)
    try:
        found = files.at(path)
    except Refusal:
        return
    for name in found:
        assert (folder / "in" / name).resolve().is_relative_to(folder / "in")


def damaged(file: Path) -> None:
    whole = tone(file, seconds=2.0).read_bytes()
    file.write_bytes(whole[: len(whole) // 2])


def spoiled(file: Path) -> None:
    file.write_bytes(b"RIFF and nothing else" * 10)


def many_channels(file: Path) -> None:
    tone(file, channels=6)


def too_long(file: Path) -> None:
    """A header that promises hours."""
    with soundfile.SoundFile(file, "w", 1, 1, format="FLAC" if file.suffix == ".flac" else "WAV") as sound:
        for _ in range(70):
            sound.write(np.zeros(500_000, np.float32))


def a_pipe(file: Path) -> None:
    os.mkfifo(file)


def a_folder(file: Path) -> None:
    file.mkdir()


TROUBLES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("cut.flac", damaged, "damaged"),
    ("cut.ogg", damaged, "damaged"),
    ("spoiled.wav", spoiled, "damaged, or no sound file"),
    ("empty.wav", Path.touch, "damaged, or no sound file"),
    ("silent.wav", lambda file: tone(file, seconds=0), "empty"),
    ("round.wav", many_channels, "6 channels"),
    ("long.wav", too_long, "too long"),
    ("pipe.wav", a_pipe, "not a file"),
    ("folder.wav", a_folder, "no such file"),
    ("kick.mp3", Path.touch, "only WAV, AIFF, FLAC and Ogg"),
]


@pytest.mark.parametrize(("name", "make", "why"), TROUBLES, ids=[name for name, *_ in TROUBLES])
def test_what_cannot_be_played_says_why(
    files: Files, beside: Path, name: str, make: Callable[[Path], Any], why: str
) -> None:
    make(beside / name)
    with pytest.raises(Refusal, match=why):
        files.load(name)
    assert not list(beside.parent.glob("decoded/*"))


def test_without_a_place_to_decode_it_to_it_is_told(beside: Path, tmp_path: Path) -> None:
    tone(beside / "kick.wav")
    with pytest.raises(Refusal, match=r"no room for it in .*/nowhere"):
        Files([beside], tmp_path / "nowhere").load("kick.wav")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_says_so(files: Files, beside: Path) -> None:
    tone(beside / "kick.wav").chmod(0)
    with pytest.raises(Refusal, match="Permission denied"):
        files.load("kick.wav")


def test_a_folder_without_end_is_not_looked_through(
    files: Files, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "MOST_FILES", 10)
    (own / "many").mkdir(parents=True)
    for number in range(11):
        (own / "many" / f"{number}.wav").touch()
    with pytest.raises(Refusal, match="more than 10 files"):
        files.at("many")


@given(st.binary(max_size=40) | st.builds(lambda *asked: msgspec.msgpack.encode(asked), st.text(), st.text()))
def test_no_question_breaks_us(question: bytes) -> None:
    told, worked = answer(Files([], Path("/nowhere")), question)
    value, refusal = msgspec.msgpack.decode(told)
    assert value in (None, []) or not refusal
    assert not worked


@pytest.fixture
def ruby(files: Files, sound: None) -> Any:
    made = installed_ruby(files)
    yield made
    made.close()


class TestSnippets:
    """What a snippet does with files."""

    pytestmark = real

    @pytest.fixture(autouse=True)
    def drums(self, own: Path, beside: Path) -> None:
        tone(beside / "thud.wav", seconds=0.4, rate=22_050)
        tone(beside / "samples" / "hum.flac", pitch=220.5, seconds=1.0, channels=2)
        for number in (1, 2, 3):
            tone(own / "drums" / f"tom_{number}.ogg", seconds=number / 10)

    @pytest.mark.parametrize(
        ("call", "seconds"),
        [
            ("sample :thud", 0.4),
            ('sample "thud"', 0.4),
            ('sample "thud.wav"', 0.4),
            ("sample /^th[a-z]d$/", 0.4),
            ("sample :hum, amp: 2", 1.0),
            ('sample "samples/hum.flac"', 1.0),
            ('sample "drums/tom_2.ogg"', 0.2),
            ('sample "drums"', 0.1),
            ('sample "drums/", 1', 0.2),
            ('sample "drums", 4', 0.2),
            ('sample "drums", /3/', 0.3),
            ('sample "drums", "TOM", 2', 0.3),
            ('sample "drums", :tom_2', 0.2),
            ('sample ["drums", ["tom", 1]]', 0.2),
            ('sample (ring "drums"), nil, 1', 0.2),
            ('sample "drums", ->(found) { found.last }', 0.3),
            ('sample "drums", lambda { |found| [found[1]] }', 0.2),
            ('sample "/home/somebody/drums/**", 2', 0.3),
            ('sample path: "drums/tom_2.ogg"', 0.2),
            ("sample load_sample(:thud)", 0.4),
            ('sample load_samples("drums")[2]', 0.3),
            ('sample sample_paths("drums")[1]', 0.2),
            ('sample "tom_", 1', None),
            ("sample :bd_haus", None),
            ('sample "bd_haus.flac"', None),
            ('sample "no_such"', None),
        ],
    )
    def test_which_file_plays(self, ruby: Ruby, call: str, seconds: float | None) -> None:
        events = played(call, by=ruby)
        assert not failures(events)
        files = [event.sample for event in events if isinstance(event, Play) and event.sample.startswith("/")]
        assert [soundfile.info(file).duration for file in files] == (
            pytest.approx([seconds], abs=0.02) if seconds else []
        )

    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            ("sample_duration(:thud)", "0.8"),
            ("sample_duration(:hum, rate: 2, start: 0.5)", "0.5"),
            ('sample_paths("drums")', '(ring "drums/tom_1.ogg", "drums/tom_2.ogg", "drums/tom_3.ogg")'),
            ('sample_paths("drums", 1)', '(ring "drums/tom_2.ogg")'),
            ("sample_paths(:thud)", '(ring "thud.wav")'),
            ("sample_info(:hum).num_chans", "2"),
            ("sample_loaded?(:thud)", "true"),
            ("sample_loaded?(:thuds)", "false"),
            ("sample_names(:thud)", None),
            ("all_sample_names.to_a.include?(:thud)", "false"),
        ],
    )
    def test_what_is_told_of_a_file(self, ruby: Ruby, call: str, expected: str | None) -> None:
        events = played(f"puts(({call}))", tempo=120.0, by=ruby)
        said = [event.text for event in events if isinstance(event, Said)]
        assert (said, bool(failures(events))) == (([expected], False) if expected else ([], True))

    def test_a_built_in_sample_comes_before_a_file_of_its_name(self, ruby: Ruby, beside: Path) -> None:
        tone(beside / "bd_haus.wav")
        samples = [
            e.sample for e in played("sample :bd_haus\nsample 'bd_haus'", by=ruby) if isinstance(e, Play)
        ]
        assert samples == ["bd_haus", "bd_haus"]

    @pytest.mark.parametrize(
        ("call", "why"),
        [
            ("'nope.wav'", "no such file: put it beside the snippet, into samples/ there, or into "),
            ("'nope/', 2", "no such file"),
            ("'/etc/passwd'", "no such file"),
            ("'../snippets/thud.wav'", "outside of the folders"),
            ("'out.wav'", "link that leads out"),
            ("'cut.flac'", "damaged"),
            ("'drums', ->(found) { '/etc/passwd' }", "no such file"),
        ],
    )
    def test_a_file_that_cannot_be_played_is_told_at_its_line(
        self, ruby: Ruby, beside: Path, call: str, why: str
    ) -> None:
        damaged(beside / "cut.flac")
        (beside / "out.wav").symlink_to("/etc/passwd")
        events = played(f"play 60\n\nsample {call}\nplay 62", by=ruby)
        (failed,) = failures(events)
        assert (failed.error, failed.line) == ("SampleError", 3)
        assert why in failed.message
        assert ended(events)

    @pytest.mark.parametrize(
        "text",
        [
            "Score.add(:Play, 0, node: 1, synth: 'sonic-pi-basic_mono_player', place: 0, "
            "sample: '/etc/passwd', args: {})",
            "$stdout.syswrite('junk')\nputs $stdin.read.size",
            "$stdin.read\n$stdout.puts 1\nsample :thud",
            "module Files; def self.load(*) = ['file-0', 1.0, 1]; end\nsample :thud",
        ],
    )
    def test_a_snippet_that_forges_questions_and_files_gets_nowhere(self, ruby: Ruby, text: str) -> None:
        events = played(text, by=ruby)
        assert ended(events)
        files = [event.sample for event in events if isinstance(event, Play)]
        assert all(Path(file).name.startswith("file-") and Path(file).is_file() for file in files)

    def test_a_file_sounds_at_its_pitch_and_length_whatever_its_rate(self, ruby: Ruby) -> None:
        events = played("sample :thud\nsleep 0.5\nsample :hum, rate: 2", by=ruby)
        sound = Sound(np.concatenate(list(offline([Take(at=0.0, run=1, events=events)]))).astype(float), RATE)
        # (The mixers' limiters look ahead by 20 ms each.)
        assert sound.between(0.05, 0.35).pitch == pytest.approx(441, abs=5)
        assert sound.between(0.46, 0.5).peak < 0.01
        assert sound.between(0.55, 0.95).pitch == pytest.approx(441, abs=5)
        assert sound.between(1.06).peak < 0.01

    def test_what_takes_long_to_decode_is_not_the_snippets_fault(
        self, files: Files, beside: Path, sound: None
    ) -> None:
        """An advance may take a tenth of a second; minutes of noise in FLAC take longer."""
        noise = np.random.default_rng(1).normal(0, 0.2, RATE).clip(-1, 1)
        soundfile.write(beside / "noise.flac", np.tile(noise, 600), RATE)
        strict = installed_ruby(files, seconds=0.1)
        try:
            assert not failures(played("sample :noise\nsample :noise", by=strict))
            questions = "while true\n  $stdout.syswrite(Wire.write(['load', 'noise.flac']))\nend"
            (failed,) = failures(played(questions, by=strict))
            assert failed.error == "Refused"
        finally:
            strict.close()
