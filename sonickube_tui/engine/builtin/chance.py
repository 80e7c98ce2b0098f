"""Sonic Pi's random stream: the numbers that its `rand` and all that is like it are read from."""

from __future__ import annotations

import sys
import wave
from array import array
from pathlib import Path
from random import Random

_VALUES = 44_100
_TIMES = 10
_SEED = 0x59620B33_F5501452_40233FE8_F83D3C9D
_DRAWN_BEFORE = 5


def second() -> bytes:
    """A second of it: 44,100 values of 16 bits, little-endian. Ten times that is Sonic Pi's rand-stream.wav.

    That file was written by a Mersenne Twister: its state can be solved for from 20,000 bits of its output,
    and its seed from its state.
    """
    twister = Random(_SEED)
    for _ in range(_DRAWN_BEFORE):
        twister.getrandbits(32)
    values = array("h", (round(twister.random() * 32_767) for _ in range(_VALUES)))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def write(file: Path) -> None:
    """Write all of it, as Sonic Pi's file is: WAV, mono, 44.1 kHz. Raises OSError."""
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 44_100, _VALUES * _TIMES, "NONE", ""))
        out.writeframes(second() * _TIMES)
