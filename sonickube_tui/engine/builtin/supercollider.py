"""SuperCollider's engine as a process of its own: the only module that imports nanosynth.

It renders "offline" from a pipe of commands into a pipe of samples. A command for a later time makes it
render up to that time and then wait for more, so whoever writes the commands is its clock.
"""

from __future__ import annotations

import os
import sys
import threading


def main(commands: str, samples: str, rate: str, block: str, channels: str, buses: str) -> None:
    """Render from one file descriptor to another, until standard input ends."""
    # Its own end would tear down what still sounds and crash, so it is never told of an end.
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    from nanosynth import _scsynth
    from nanosynth.scsynth import find_ugen_plugins_path

    _scsynth.world_nrt_render(
        cmd_filename=f"/dev/fd/{commands}",
        output_filename=f"/dev/fd/{samples}",
        sample_rate=int(rate),
        header_format="RAW",
        sample_format="float",
        num_output_bus_channels=int(channels),
        num_input_bus_channels=0,
        num_audio_bus_channels=int(buses),
        num_control_bus_channels=64,
        max_nodes=8192,
        num_buffers=16_384,
        realtime_memory_size=131_072,
        preferred_hardware_buffer_size=int(block),
        verbosity=-1,
        ugen_plugins_path=str(find_ugen_plugins_path()),
    )
    os._exit(1)


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
