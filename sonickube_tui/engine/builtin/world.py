"""Drives SuperCollider's engine: commands in, samples out, as fast as it can and exactly in step.

Anything from a crash to a hang of it is WorldDied; its user begins another one and repeats what still sounds.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
from pythonosc.osc_message_builder import build_msg

from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.definitions import definitions
from sonickube_tui.engine.builtin.mix import BLOCK, CONTROL_BLOCK, RATE, Samples
from sonickube_tui.engine.builtin.render import BUSES, RAND_BUFFER, STRIPS, Command, Resources

HANG = 20.0
"""Seconds without a sample after which the engine counts as dead; its start takes half a second."""

CHANNELS = 2 * STRIPS

_TICKS = int(CONTROL_BLOCK / (RATE / 2**32))
"""Its clock's ticks (2**-32 s) in a control block, rounded down as scsynth does, lest the two drift apart."""

SEED = bytes.fromhex(
    "53436766000000020001047365656400000002"  # SCgf 2, one definition, "seed", two constants:
    "3f80000045933800"  # 1.0, 4711.0
    "000000000000000000000001"  # no arguments, one unit:
    "0852616e6453656564000000000200000001"  # RandSeed.ir, two inputs, one output
    "0000ffffffff00000000ffffffff0000000100"
    "0000"
)
"""A synth definition that seeds the engine's random numbers: the same commands give the same samples."""


class WorldDied(Exception):
    """SuperCollider's engine crashed, was killed or hangs."""


class World:
    """One run of the engine, whose first sample is the frame `origin`."""

    def __init__(self, origin: int, resources: Resources) -> None:
        self.frame = origin
        self._origin = origin
        self._resources = resources
        self._loaded: set[str] = set()
        commands, self._commands = os.pipe()
        self._samples, samples = os.pipe()
        os.set_blocking(self._commands, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux: a third of the work of many small reads.
            with suppress(OSError):
                fcntl.fcntl(self._samples, fcntl.F_SETPIPE_SZ, 1 << 20)
        arguments = map(str, (commands, samples, RATE, BLOCK, CHANNELS, BUSES))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sonickube_tui.engine.builtin.supercollider", *arguments],
            stdin=subprocess.PIPE,
            # scsynth writes to C's stdout, and ALSA to stderr, whatever Python says.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(commands, samples),
            start_new_session=True,  # Ctrl+C is for the console.
        )
        os.close(commands)
        os.close(samples)
        self._boot = [
            build_msg("/d_recv", [SEED]).dgram,
            build_msg("/s_new", ["seed", 999, 0, 0]).dgram,
            *(build_msg("/d_recv", [one]).dgram for one in definitions(parts.synthdefs())),
            build_msg("/b_allocRead", [RAND_BUFFER, str(parts.random_file())]).dgram,
        ]

    @property
    def pid(self) -> int:
        """The engine's process."""
        return self._process.pid

    def advance(self, commands: Iterable[Command], to: int) -> Samples:
        """Do the commands, in order of their frames, and render up to `to`, a multiple of `BLOCK` away.

        The samples have a row for each frame and two columns for each strip. Raises WorldDied.
        """
        packets = [self._packet(self.frame, message) for message in self._boot]
        self._boot = []
        for command in commands:
            if command.sample and command.sample not in self._loaded:
                self._loaded.add(command.sample)
                number = self._resources.buffer(command.sample)
                load = build_msg("/b_allocRead", [number, str(parts.sample_file(command.sample))])
                packets.append(self._packet(command.frame, load.dgram))
            packets.append(self._packet(command.frame, command.message))
        packets.append(self._packet(to, _NOTHING))
        samples = np.empty((to - self.frame, CHANNELS), np.float32)
        self._exchange(b"".join(packets), samples.data.cast("B"))
        self.frame = to
        return samples

    def _packet(self, frame: int, message: bytes) -> bytes:
        # Going back in time would end the engine.
        blocks, rest = divmod(max(frame, self.frame) - self._origin, CONTROL_BLOCK)
        # A tick late: what is due at a block's edge would be done in the block before.
        ticks = blocks * _TICKS + rest * _TICKS // CONTROL_BLOCK + 1
        bundle = b"#bundle\0" + struct.pack(">Qi", ticks, len(message)) + message
        return struct.pack(">i", len(bundle)) + bundle

    def _exchange(self, packets: bytes, samples: memoryview) -> None:
        """Write and read at once: either pipe may be full while the other one moves."""
        written = read = 0
        poll = select.poll()
        poll.register(self._samples, select.POLLIN)
        poll.register(self._commands, select.POLLOUT)
        try:
            while read < len(samples) or written < len(packets):
                ready = dict(poll.poll(HANG * 1000))
                if not ready:
                    raise WorldDied(f"no sound from SuperCollider's engine in {HANG:g} s")
                if self._commands in ready:
                    written += os.write(self._commands, packets[written : written + 65_536])
                    if written == len(packets):
                        poll.unregister(self._commands)
                if self._samples in ready:
                    count = os.readv(self._samples, [samples[read:]])
                    if not count:
                        raise WorldDied("SuperCollider's engine ended")
                    read += count
        except OSError as error:
            raise WorldDied(f"SuperCollider's engine ended: {error.strerror}") from None

    def close(self) -> None:
        """End it."""
        self._process.kill()
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._process.wait()
        os.close(self._commands)
        os.close(self._samples)


_NOTHING = build_msg("/c_set", [0, 0.0]).dgram
