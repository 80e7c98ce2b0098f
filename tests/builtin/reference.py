"""What Sonic Pi's messages sound like on its own engine, Debian's scsynth, rendered without a clock.

Knows nothing of pytest.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pythonosc.osc_message_builder import build_msg

from builtin.original import Noted
from sonic_pi import Sound
from sonickube_tui.engine.builtin.mix import CONTROL_BLOCK, RATE
from sonickube_tui.engine.builtin.world import SEED

SHARE = Path("/usr/share/sonic-pi")
DEFINITIONS = SHARE / "synthdefs/compiled"
"""Sonic Pi's own synth definitions."""

SYNTHS, MIXERS = 4, 2
"""The groups in which Sonic Pi has the groups of its runs, and their mixers."""

MAIN_BUS = 34
"""What a run's mixer writes, and the main one reads."""

_BEGIN = 2048 * CONTROL_BLOCK
"""The frame at which a program begins: later than Sonic Pi works ahead."""

_STUDIO: tuple[tuple[Any, ...], ...] = (
    ("/d_recv", SEED),
    ("/s_new", "seed", -1, 0, 0),
    ("/d_loadDir", str(DEFINITIONS)),
    ("/g_new", 1, 0, 0),
    ("/g_new", MIXERS, 2, 1),
    ("/g_new", SYNTHS, 2, MIXERS),
    ("/s_new", "sonic-pi-mixer", 3, 0, 1, "in_bus", float(MAIN_BUS)),
)
"""How Sonic Pi sets itself up (`studio.rb`). The seed is ours."""


def replayed(notes: list[Noted], seconds: float) -> Sound:
    """Sonic Pi's messages as its scsynth renders them offline, with its definitions and samples.

    Nothing is by chance: each message is done in the control block in which it is due, counted from the
    program's beginning, and random numbers begin with the built-in player's seed. Half a second of silence is
    in front. Raises CalledProcessError.
    """
    due = [(0, build_msg(address, arguments).dgram) for address, *arguments in _STUDIO]
    for what, _, arguments, at in notes:
        if what == "sample":
            due.append((0, build_msg("/b_allocRead", arguments).dgram))
        elif what.startswith("/"):
            if "rand_buf" in arguments:
                buffer = int(arguments[arguments.index("rand_buf") + 1])
                stream = str(SHARE / "buffers/rand-stream.wav")
                due.append((0, build_msg("/b_allocRead", [buffer, stream]).dgram))
            due.append((_BEGIN + round(at * RATE), build_msg(what, arguments).dgram))
    end = _BEGIN + round(seconds * RATE)
    due = sorted([one for one in due if one[0] < end], key=lambda one: one[0])
    due.append((end, build_msg("/c_set", [0, 0.0]).dgram))
    with tempfile.TemporaryDirectory() as folder:
        commands, samples = Path(folder, "commands"), Path(folder, "samples")
        commands.write_bytes(b"".join(_bundle(frame, message) for frame, message in due))
        # As Sonic Pi starts it, but for its inputs and outputs.
        options = ["-i", "0", "-o", "2", "-a", "1024", "-b", "4096", "-m", "131072", "-D", "0", "-R", "0"]
        scsynth = ["scsynth", "-N", commands, "_", samples, str(RATE), "RAW", "float", *options]
        subprocess.run(scsynth, check=True, capture_output=True, timeout=120)
        frames = np.fromfile(samples, np.float32).reshape(-1, 2)
    return Sound(frames[_BEGIN - RATE // 2 :].astype(float), RATE)


def _bundle(frame: int, message: bytes) -> bytes:
    # Half a frame late: what is due at a block's edge would be done in the block before.
    bundle = b"#bundle\0" + struct.pack(">Qi", round((frame + 0.5) * 2**32 / RATE), len(message)) + message
    return struct.pack(">i", len(bundle)) + bundle
