"""The child process that plays API server and Sonic Pi, and the processes that are measured on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Server:
    """The child that plays API server and Sonic Pi."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout
        api, self.sonic_pi_port = json.loads(process.stdout.readline())
        self.api = f"http://127.0.0.1:{api}"

    def measure(self, kind: str, events: int, onsets_per_second: float = 10.0) -> dict[str, float]:
        """Run one of the measured processes to its end."""
        sonic_pi = f"127.0.0.1:{self.sonic_pi_port}"
        command = [sys.executable, "-m", "benchmarks.listeners", kind, self.api, sonic_pi]
        done = subprocess.run(
            [*command, str(events), str(onsets_per_second)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        figures: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
        return figures

    def latencies(self) -> list[float]:
        """Milliseconds from watch line to datagram, of every voice; ends the server."""
        out, _ = self.process.communicate()
        return sorted(1000 * seconds for seconds in json.loads(out))


@contextmanager
def server(pods: int, changes: int, rate: float = 0.0, lists: str = "pages") -> Iterator[Server]:
    """Start the child, and end it; it lists pods in `pages` alone, or also as a `stream`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.apiserver", str(pods), str(changes), str(rate), lists],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(process)
    finally:
        process.kill()
        process.wait()
