"""`python -m benchmarks.sessions [MEGABYTES]`: what recording costs, and how soon a file of any size plays.

The sessions are the recorded incident again and again, each time with new pods.
"""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.listeners import resident
from sonickube_tui.cluster.again import Again
from sonickube_tui.event import Event, Item
from sonickube_tui.session.format import EventLine, Header, Line, PodLine, encode
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.recorder import WAITING, Recorder
from sonickube_tui.session.tools import write

INCIDENT = Path(__file__).parents[1] / "tests" / "data" / "incident.jsonl.gz"
EVENTS = 100_000
SIZES = (10, 100, 1_000)
SEEKS = 300


def incident() -> list[Line]:
    """The incident's lines, of which each tells of one pod at most."""
    with open_session([INCIDENT], deriving=Again, follow=False) as session:
        session.wait()
        return list(session.lines())


def again(lines: list[Line]) -> Iterator[tuple[bytes, bool]]:
    """Encoded lines without end, and whether each is an event: first the header, then round after round."""
    header = next(line for line in lines if isinstance(line, Header))
    yield encode(header), False
    parts = []
    for line in lines:
        if isinstance(line, PodLine | EventLine):
            start, _, rest = encode(line).partition(b'"t":')
            uid = rest.partition(b'"uid":"')[2].partition(b'"')[0]
            parts.append((line.t, start + b'"t":', rest.partition(b",")[2], uid, isinstance(line, EventLine)))
    seconds = lines[-1].t + 1.0
    turn = 0
    while True:
        uids = {uid: hashlib.md5(b"%d %b" % (turn, uid)).hexdigest().encode() for *_, uid, _ in parts}
        for t, start, rest, uid, is_event in parts:
            new = uids[uid]
            yield start + b"%.6f," % (turn * seconds + t) + rest.replace(uid, new), is_event
        turn += 1


def made(path: Path, lines: list[Line], *, size: int = 0, events: int = 0) -> Path:
    """A session of so many bytes, or with so many events."""

    def some() -> Iterator[bytes]:
        written = told = 0
        for line, is_event in again(lines):
            yield line
            written += len(line)
            told += is_event
            if (size and written >= size) or (events and told >= events):
                return

    write(some(), path)
    return path


def measure(path: Path) -> dict[str, float]:
    """Open, index and seek; to be run in a process of its own."""
    began = time.perf_counter()
    with open_session([path], follow=False) as session:
        while session.index.header is None:
            time.sleep(0.001)
        opened = time.perf_counter() - began
        session.wait()
        indexed = time.perf_counter() - began
        dice = random.Random(1)
        index, seeks, jumps = session.index, [], []
        for _ in range(SEEKS):
            t = dice.random() * index.end
            began = time.perf_counter()
            index.seek(t)
            seeks.append(time.perf_counter() - began)
            began = time.perf_counter()
            index.next_event(t)
            jumps.append(time.perf_counter() - began)
    return {
        "open": opened,
        "index": indexed,
        "seek": sorted(seeks)[SEEKS // 2],
        "worst": max(seeks),
        "jump": max(jumps),
        "memory": resident()[1],
    }


def recording(folder: Path, ending: str, items: list[Item]) -> tuple[float, float]:
    """Microseconds of a processor that recording one item takes: of the loop's thread, and of all threads."""
    recorder = Recorder()
    recorder.start(folder / f"recorded.jsonl{ending}")
    on_loop, count = 0.0, 0
    began_all = time.process_time()
    for _ in range(10):
        began = time.thread_time()
        for item in items[: WAITING // 2]:
            recorder.item(item)
        on_loop += time.thread_time() - began
        count += len(items[: WAITING // 2])
        time.sleep(0.6)
    told = recorder.stop()
    assert told and told.lost == 0
    return 1e6 * on_loop / count, 1e6 * (time.process_time() - began_all) / count


def sqlite(path: Path, source: Path) -> float:
    """Megabytes of the same lines in SQLite, a row for each, with an index on the time."""
    with sqlite3.connect(path) as database:
        database.execute("create table line (t real, kind text, json blob)")
        database.execute("create index by_time on line (t)")
        with source.open("rb") as lines:
            rows = ((told.get("t", 0), told["is"], line) for line in lines if (told := json.loads(line)))
            database.executemany("insert into line values (?, ?, ?)", rows)
    return path.stat().st_size / 1e6


def items(lines: list[Line]) -> list[Item]:
    """What a source would deliver, about half events and half pods."""
    derive = Again()
    found: list[Item] = []
    while len(found) < WAITING // 2:
        for line in lines:
            if isinstance(line, PodLine):
                found += derive(line.at, line.cluster, line.change, bytes(line.pod))
    return found


def main() -> None:
    """Measure everything and print it as a table."""
    lines = incident()
    table = Table("what", "measured", "beside")
    most = float(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        heard = items(lines)
        share = sum(isinstance(item, Event) for item in heard) / len(heard)
        for ending in ("", ".gz", ".zst"):
            loop, processor = recording(folder, ending, heard)
            table.add_row(
                f"recording an item ({share:.0%} events), {ending or 'plain'}",
                f"{loop:.2f} µs of the loop",
                f"{processor:.1f} µs of a processor in all",
            )
        sizes = {
            ending: made(folder / f"events.jsonl{ending}", lines, events=EVENTS).stat().st_size / 1e6
            for ending in ("", ".gz", ".zst")
        }
        rows = sqlite(folder / "events.sqlite", folder / "events.jsonl")
        table.add_row(
            f"{EVENTS:,} events with their pods",
            ", ".join(f"{ending or 'plain'} {size:.1f} MB" for ending, size in sizes.items()),
            f"SQLite {rows:.1f} MB",
        )
        for size in (size for size in SIZES if size <= most):
            path = made(folder / "large.jsonl", lines, size=size * 10**6)
            command = [sys.executable, "-m", "benchmarks.sessions", "measure", str(path)]
            told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            table.add_row(
                f"a session of {size:,} MB",
                f"opens in {1000 * told['open']:.0f} ms; seek p50 {1000 * told['seek']:.1f} ms, "
                f"max {1000 * told['worst']:.1f} ms; next error max {1000 * told['jump']:.1f} ms",
                f"indexed in {told['index']:.1f} s, {size / told['index']:.0f} MB/s; "
                f"{told['memory']:.0f} MB RAM",
            )
            path.unlink()
    Console(width=150).print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main()
