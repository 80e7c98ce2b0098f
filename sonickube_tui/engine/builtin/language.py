"""The language of the built-in player: every name of Sonic Pi's, and what becomes of it here.

The sandbox makes the names that are not in raise, and those without effect do nothing; a test holds the names
that are in against the Ruby that has them; `page` is what users read.
"""

from __future__ import annotations

IN: dict[str, str] = {
    "Playing": (
        "play play_chord play_pattern play_pattern_timed play_nested_pattern synth sample control kill"
    ),
    "Synths": (
        "use_synth with_synth current_synth use_synth_defaults with_synth_defaults "
        "use_merged_synth_defaults with_merged_synth_defaults current_synth_defaults use_arg_bpm_scaling "
        "with_arg_bpm_scaling synth_names"
    ),
    "Samples": (
        "use_sample_defaults with_sample_defaults use_merged_sample_defaults with_merged_sample_defaults "
        "current_sample_defaults use_sample_bpm with_sample_bpm sample_duration sample_info sample_buffer "
        "load_sample load_samples sample_loaded? sample_names all_sample_names sample_groups sample_paths"
    ),
    "Effects": "with_fx with_afx fx_names",
    "Pitch": (
        "use_transpose with_transpose current_transpose use_octave with_octave current_octave "
        "use_cent_tuning with_cent_tuning current_cent_tuning use_tuning with_tuning "
        "note note_info note_range rest? midi_notes octs scale scale_names degree chord chord_names "
        "chord_degree chord_invert invert_chord midi_to_hz hz_to_midi pitch_to_ratio ratio_to_pitch"
    ),
    "Time": (
        "sleep wait use_bpm with_bpm use_bpm_mul with_bpm_mul current_bpm current_bpm_mode "
        "current_beat_duration beat current_beat bt rt vt current_time density at time_warp with_swing "
        "tuplets link link_sync set_link_bpm! block_duration block_slept?"
    ),
    "Threads": "in_thread loop live_loop stop cue sync sync_bpm set get live_state",
    "Random": (
        "rand rand_i rrand rrand_i rdist dice one_in choose pick shuffle rand_look rand_i_look rand_back "
        "rand_skip rand_reset use_random_seed with_random_seed current_random_seed use_random_source "
        "with_random_source current_random_source"
    ),
    "Lists": (
        "ring vector ramp map bools knit stretch spread range line halves doubles tick look tick_set "
        "tick_reset tick_reset_all"
    ),
    "The rest": (
        "puts print define ndefine defonce comment uncomment on inc dec factor? quantise spark "
        "spark_graph assert assert_not assert_equal assert_not_equal assert_similar assert_error"
    ),
}
"""What is in, by subject."""

RING_METHODS = (
    "choose pick shuffle sample tick look reverse mirror reflect rotate repeat stretch scale sort take "
    "take_last drop drop_last butlast ring ramp notes + - * [] first last max min each map"
)

_NO_EFFECT = (
    "use_debug with_debug use_arg_checks with_arg_checks use_timing_guarantees with_timing_guarantees "
    "use_timing_warnings with_timing_warnings use_cue_logging with_cue_logging use_osc_logging "
    "with_osc_logging use_midi_logging with_midi_logging use_real_time with_real_time "
    "use_sched_ahead_time with_sched_ahead_time set_sched_ahead_time! sample_free sample_free_all"
)
NO_EFFECT = _NO_EFFECT.split()
"""What would change nothing that is heard here: accepted, and a block is run."""

_MIXER = (
    "set_volume! current_volume set_mixer_control! reset_mixer! set_cent_tuning! set_mixer_invert_stereo! "
    "set_mixer_standard_stereo! set_mixer_stereo_mode! set_mixer_mono_mode! set_mixer_global_timewarp!"
)
MIXER = _MIXER.split()
"""What is for Sonic Pi's main mixer: accepted, and a run says once that the console's mixer decides."""

_WHY = {
    "it plays nothing on MIDI devices: let Sonic Pi play this": (
        "midi midi_note_on midi_note_off midi_poly_pressure midi_cc midi_channel_pressure midi_pitch_bend "
        "midi_pc midi_raw midi_sysex midi_sound_off midi_reset midi_local_control_off midi_local_control_on "
        "midi_mode midi_all_notes_off midi_clock_tick midi_clock_beat midi_start midi_stop midi_continue "
        "use_midi_defaults with_midi_defaults use_merged_midi_defaults with_merged_midi_defaults "
        "current_midi_defaults use_midi_ports"
    ),
    "it sends nothing over the network: let Sonic Pi play this": "osc osc_send use_osc with_osc",
    "it has no microphone: let Sonic Pi play this": "live_audio",
    "it records nothing: let Sonic Pi play this, or write sound to a file with `sonickube bounce`": (
        "buffer buffer_save recording_start recording_stop recording_save recording_delete"
    ),
    "it draws nothing: leave it out": "hydra",
    "it starts no programs: leave it out": "system exec spawn fork",
    "it opens no programs: put their text into the snippet": "run_file eval_file load_buffer load_example",
    "it loads no definitions: take one of `synth_names`": "load_synthdef load_synthdefs",
    "a run is one snippet: leave it out": "run_code reset clear version reboot",
    "Sonic Pi does not load it either: write (value - a) * (d - c) / (b - a) + c": "math_scale",
    "Sonic Pi has it no more: take `sample` with a folder": (
        "use_sample_pack use_sample_pack_as with_sample_pack with_sample_pack_as"
    ),
    "Sonic Pi has it no more: take `with_fx`": "use_fx",
    "Sonic Pi has it no more: take `with_bpm`": "with_tempo",
    "Sonic Pi has it no more: take `pitch_to_ratio`": "pitch_ratio",
    "it keeps values, not events: take `get` and `sync`": "get_event sync_event",
    "it has no engine to set up: leave it out": (
        "set_audio_latency! set_control_delta! set_recording_bit_depth! current_sched_ahead_time "
        "scsynth_info status use_external_synths current_debug current_arg_checks current_amp "
        "start_amp_monitor"
    ),
    "it is not Minecraft: leave it out": (
        "mc_location mc_teleport mc_get_pos mc_set_pos mc_set_tile mc_get_tile mc_surface_teleport "
        "mc_message mc_chat_post mc_ground_height mc_get_height mc_get_block mc_set_block mc_set_area "
        "mc_block_id mc_block_name mc_block_ids mc_block_names mc_checkpoint_save mc_checkpoint_restore "
        "mc_camera_normal mc_camera_third_person mc_camera_fixed mc_camera_set_location mc_build_box"
    ),
}

NOT_IN = {name: why for why, names in _WHY.items() for name in names.split()}
"""What is not in, why, and what to do: these raise `MissingError` with their name."""

BEFORE = {
    "scales": ("73", "151: the makams of Turkish music, too"),
    "`note_range :c5, :c4`": ("nothing", "down from the first note"),
    "`chord_invert`, `invert:`": ("as they come", "from low to high"),
    "`chord :c, 'm6*9'`": ("its last two notes the other way round", "from low to high"),
    "`(ring)[0]`": ("fails", "nil"),
    "`line`": ("rounded to 14 digits", "each step reckoned from the first"),
    "`assert_similar`": ("to 8 digits", "to 5"),
    "`use_random_source`, `link`, `use_bpm :link`, `current_bpm_mode`": ("not there", "there"),
    "`beat`": ("whole numbers stay whole", "a number with a fraction"),
    "`beat` in a `density`": ("counts the beats slept", "counts those of the outside"),
    "`use_bpm` in a `density` or after a `use_bpm_mul`": ("is the tempo", "is multiplied by them"),
    "the tempo after a `with_bpm` or a `sync` in a `density`": ("as before", "multiplied once more"),
    "`time_warp` in a `density`": ("by beats of the outside", "by its own beats"),
    "`sync` in a `time_warp`": ("waits", "fails"),
    "`synth` without a note": ("plays 52", "plays the synth's own"),
    "`play` of a sound": ("plays nothing", "fails"),
    "samples": ("164 of them", "191, and by their names the 15 that came later"),
    "slides of an effect's `mix`, `pre_mix` and `pre_amp`": ("in seconds", "in beats"),
}
"""Where Sonic Pi 3.2.2 differs from 4.5.1 and from here: how it is there, and how here."""

ELSEWHERE = {
    "`puts` of a `scale` or `chord`": "shows its notes as a ring, without the name",
    "`cue`, `set` and functions": "are each run's own; in Sonic Pi all runs share them",
    "the link clock": (
        "is each run's own: it begins with the run, at 60 beats a minute unless `set_link_bpm!` says another "
        "number, nobody else is on it, and it always plays, so that `link_sync` is `link`"
    ),
    "`with_bpm :link`": "is in; Sonic Pi has only `use_bpm :link`",
    "`use_random_source`": "has `:white`; `:pink`, `:light_pink`, `:dark_pink` and `:perlin` are not in",
    "`:winwood_lead`": "is not in: its definition cannot be had from where the others come",
    "arguments": "are not checked against their limits, as in a Sonic Pi that is not told to",
    "`onset:` of a sample": "is not in; `slice:`, `start:` and `finish:` are",
    "`sample` with a file": (
        "finds those beside the snippet, in `samples/` there and in the user's own folder for samples; of a "
        "path that leads elsewhere, the end is looked for there"
    ),
    "`current_time`": "is the moment of the event and the virtual time since",
    "a name of a list as a variable (`scale = 3`)": "is refused, as in Sonic Pi, and the line is told",
    "`with_fx :record`, `:sound_out` and `:sound_out_stereo`": "are not in",
    "a block given to `play` or `synth`": "runs as a thread, and is not ended with the sound",
    "the name of a thread": "is free when the thread has ended, not when its last sound has",
    "`live?`, `state`, `pause`, `run` of a sound": "are not in: a score is made before anything sounds",
    "`sync` on `/midi…` and `/osc…`": "is not in: nothing outside sends cues",
    "`NoMemoryError`": "cannot be rescued: the run ends",
    "`rescue`, and `break` out of a block,": (
        "leave something on the stack: a thread ends with `SystemStackError` after some 500 of them"
    ),
    "`require` and everything else of Ruby's library that is not built in": "is not in",
}
"""Differences that are not about a name of Sonic Pi's."""


def names() -> list[str]:
    """Every name that is in, in the order of the page."""
    return [name for group in IN.values() for name in group.split()]


def page() -> str:
    """docs/player-language.md."""
    lines = [
        "# What the built-in player understands",
        "",
        "Without Sonic Pi, snippets are played by the console itself: real Ruby 3.4 with Sonic Pi's language",
        "over virtual time, in a sandbox. What is not in raises an error that names the call: nothing is",
        "skipped.",
        "",
        "This page is made from `sonickube_tui/engine/builtin/language.py`.",
        "",
        "| | in |",
        "|---|---|",
        *(f"| {group} | {_code(names)} |" for group, names in IN.items()),
        f"| Methods of lists | {_code(RING_METHODS)} |",
        "",
        f"Accepted, and without effect: {_code(' '.join(NO_EFFECT))}.",
        "",
        "Accepted, and a line says once that the console's mixer decides: " + _code(" ".join(MIXER)) + ".",
        "",
        "| not in | because |",
        "|---|---|",
        *(f"| {_code(names)} | {why} |" for why, names in _WHY.items()),
        "",
        "The language is that of Sonic Pi 4.5.1, with `tuplets` of 5. Where an older one, 3.2.2, differs:",
        "",
        "| | 3.2.2 | 4.5.1, and here |",
        "|---|---|---|",
        *(f"| {what} | {there} | {here} |" for what, (there, here) in BEFORE.items()),
        "",
        "What else differs:",
        "",
        *(f"- {what} {how}" for what, how in ELSEWHERE.items()),
    ]
    return "\n".join(lines) + "\n"


def _code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split())
