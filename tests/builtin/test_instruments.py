"""What the language knows of synths and effects, against the definitions and Sonic Pi's own source."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.instruments import Instrument, instruments, read_definition

SERVER = Path("/usr/lib/sonic-pi/app/server/ruby")

ASK = """
require "json"
%w[core lib/sonicpi/synths/synthinfo].each { |file| require File.join(ARGV[0], file) }
told = SonicPi::Synths::SynthInfo.get_all.to_h do |name, info|
  plain = info.arg_defaults.transform_values { |value| value.is_a?(Symbol) ? value.to_s : value }
  [name, { synth: info.scsynth_name, defaults: plain, beats: info.bpm_scale_args, notes: info.midi_args }]
end
puts JSON.generate(told)
"""


SINCE_3_3 = frozenset({"mix_slide", "pre_mix_slide", "pre_amp_slide", "note_slide"})
"""Of every effect but `level`, in beats from Sonic Pi 3.3 on: `synthinfo.rb` of 4.5.1, lines 5712-5760."""

ENVELOPE = "attack decay sustain release"
IN_BEATS_SINCE = {
    "bass_highend": f"note_slide amp_slide pan_slide {ENVELOPE} cutoff_slide res_slide",
    "organ_tonewheel": f"note_slide amp_slide pan_slide {ENVELOPE} rs_delay rs_onset",
    "rhodey": f"note_slide amp_slide pan_slide {ENVELOPE}",
    "rodeo": f"note_slide amp_slide pan_slide {ENVELOPE} cutoff_slide",
    "sc808_snare": "amp_slide pan_slide",
    "sc808_tomlo": "amp_slide pan_slide",
}
"""Of synths that 3.2.2 has not: `synthinfo.rb` of 4.5.1, `bpm_scale_args`."""


def definition(version: int, name: str, arguments: dict[str, float]) -> bytes:
    """The beginning of a file as SuperCollider writes it."""
    count = ">i" if version == 2 else ">h"
    text = b"".join(
        [b"SCgf", struct.pack(">ih", version, 1), bytes([len(name)]), name.encode(), struct.pack(count, 1)]
        + [struct.pack(">f", 0.5), struct.pack(count, len(arguments))]
        + [struct.pack(">f", value) for value in arguments.values()]
        + [struct.pack(count, len(arguments))]
    )
    for index, argument in enumerate(arguments):
        text += bytes([len(argument)]) + argument.encode() + struct.pack(count, index)
    return text + b"units follow"


@pytest.mark.parametrize("version", [1, 2])
def test_a_definition_is_read(version: int) -> None:
    arguments = {"note": 52.0, "amp": 0.1, "pan": -1.0, "cutoff_slide": 0.0}
    assert read_definition(definition(version, "sonic-pi-beep", arguments)) == ("sonic-pi-beep", arguments)


def test_a_spoiled_definition_is_refused() -> None:
    good = definition(2, "sonic-pi-beep", {"note": 52.0})
    with pytest.raises(ValueError, match="not a compiled"):
        read_definition(b"RIFF" + good)
    for size in range(4, len(good) - len(b"units follow")):
        with pytest.raises(ValueError, match="cut off"):
            read_definition(good[:size])


@pytest.fixture
def ours(sound: None) -> dict[str, Instrument]:
    return instruments(parts.synthdefs())


@pytest.mark.real
def test_what_can_be_played_is_there(ours: dict[str, Instrument]) -> None:
    assert {"beep", "sine", "prophet", "fx_reverb", "fx_ping_pong", "basic_mono_player"} <= ours.keys()
    assert not {"mixer", "basic_mixer", "recorder", "sound_in", "fx_record", "server-info"} & ours.keys()


@pytest.mark.real
def test_sonic_pi_counts_the_same_arguments_in_beats_and_notes(ours: dict[str, Instrument]) -> None:
    if not SERVER.is_dir() or shutil.which("ruby") is None:
        missing = pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip
        missing("Sonic Pi's own source needs: sonic-pi-server (apt-get install sonic-pi-server)")
    asked = subprocess.run(
        ["ruby", "-W0", "-", str(SERVER)], input=ASK, capture_output=True, text=True, timeout=60, check=True
    )
    theirs: dict[str, Any] = json.loads(asked.stdout.splitlines()[-1])
    shared = ours.keys() & theirs.keys()
    assert len(shared) > 75
    for name in shared:
        mine, original = ours[name], theirs[name]
        assert mine.name == original["synth"]
        later = SINCE_3_3 if name.startswith("fx_") and name != "fx_level" else frozenset()
        assert set(mine.beats) == (set(original["beats"]) | later) & set(mine.defaults), name
        assert set(mine.notes) == set(original["notes"]) & set(mine.defaults), name
        assert mine.beats == {beat: original["defaults"].get(beat, 0.0) for beat in mine.beats}, name


@pytest.mark.real
@pytest.mark.parametrize("name", IN_BEATS_SINCE)
def test_later_synths_count_in_beats_what_4_5_1_does(ours: dict[str, Instrument], name: str) -> None:
    assert set(ours[name].beats) == {*IN_BEATS_SINCE[name].split()}


@pytest.mark.real
def test_where_the_definition_has_another_default(ours: dict[str, Instrument]) -> None:
    assert {beat: ours["rodeo"].beats[beat] for beat in ENVELOPE.split()} == {
        "attack": 0,
        "decay": 1,
        "sustain": 0.8,
        "release": 1,
    }
