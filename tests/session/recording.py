"""A program that records until it is killed: `recording.py FILE [BYTES]`.

For each mark it writes a line on stdout: its number, the time, how many items are lost, and the problem or
`-`. With BYTES no file may be larger than that, until SIGUSR1 comes.
"""

from __future__ import annotations

import resource
import signal
import sys
import time
from pathlib import Path

from sonickube_tui.event import Connection, Link
from sonickube_tui.session.recorder import Recorder


def main() -> None:
    path = Path(sys.argv[1])
    if len(sys.argv) > 2:
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), most))
        signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    recorder = Recorder("test")
    recorder.start(path)
    recorder.item(Connection(at=time.time(), cluster="prod", link=Link.WATCHING))
    number = 0
    while True:
        number += 1
        recorder.mark(f"{number} {time.time()}")
        recording = recorder.recording
        print(number, time.time(), recording.lost, recording.problem or "-", flush=True)
        time.sleep(0.005)


if __name__ == "__main__":
    main()
