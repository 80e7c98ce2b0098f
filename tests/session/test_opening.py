"""Whatever is named as a session: it is played, or told in one line what is wrong with it."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session import made
from sonickube_tui.cluster.again import Again
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind
from sonickube_tui.session.deriving import Change
from sonickube_tui.session.format import EventLine, Header, Line, MarkLine, MixLine, PodLine, encode
from sonickube_tui.session.opening import Opened, open_session
from sonickube_tui.session.recorder import Recorder

DATA = Path(__file__).parents[1] / "data"
INCIDENT = DATA / "incident.jsonl.gz"


@contextmanager
def opened(*paths: Path, **options: Any) -> Iterator[Opened]:
    with open_session(paths, deriving=Again, **{"follow": False, **options}) as session:
        assert session.wait(60)
        yield session


def whole(*paths: Path, **options: Any) -> list[object]:
    with opened(*paths, **options) as session:
        assert (session.problem, session.faults.total) == ("", 0)
        return list(map(made.plain, session.lines()))


def events(lines: list[Line]) -> list[tuple[str, str, str]]:
    return [
        (line.event.namespace, line.event.pod, line.event.kind.value)
        for line in lines
        if isinstance(line, EventLine)
    ]


def zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return bytes(module.compress(data))


# Sessions


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_a_session_is_the_same_however_it_is_packed(tmp_path: Path, pack: Any) -> None:
    lines = list(made.lines(1, 500))
    path = tmp_path / "without-a-telling-name"
    path.write_bytes(pack(b"".join(map(encode, lines))))
    assert whole(path) == list(map(made.plain, lines))


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_packed_files_that_were_put_together_are_read_to_the_end(tmp_path: Path, pack: Any) -> None:
    data = b"".join(map(encode, made.lines(1, 500)))
    path = tmp_path / "s"
    path.write_bytes(pack(data[:5000]) + pack(data[5000:5001]) + pack(data[5001:]))
    assert whole(path) == list(map(made.plain, made.lines(1, 500)))


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_of_a_packed_file_that_breaks_off_plays_what_is_there(tmp_path: Path, pack: Any) -> None:
    lines = list(map(made.plain, made.lines(1, 3000)))
    packed = pack(b"".join(map(encode, made.lines(1, 3000))))
    path = tmp_path / "s"
    path.write_bytes(packed[: 2 * len(packed) // 3])
    with opened(path) as session:
        assert "breaks off" in session.problem
        got = list(map(made.plain, session.lines()))
        assert got == lines[: len(got)] and (len(got) > 500 or pack is zstd)


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_of_a_damaged_packed_file_plays_what_is_there(tmp_path: Path, pack: Any) -> None:
    packed = bytearray(pack(b"".join(map(encode, made.lines(1, 20_000)))))
    packed[-len(packed) // 4 :] = random.Random(1).randbytes(len(packed) // 4)
    path = tmp_path / "s"
    path.write_bytes(packed)
    with opened(path) as session:
        assert "damaged" in session.problem and "\n" not in session.problem
        got = list(map(made.plain, session.lines()))[:10_000]
        assert got == list(map(made.plain, made.lines(1, 20_000)))[:10_000]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_session_that_grows_is_read_on(tmp_path: Path, ending: str) -> None:
    data = [encode(line) for line in made.lines(4, 300)]
    packer = zlib.compressobj(wbits=31) if ending else None

    def pack(piece: bytes) -> bytes:
        return packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) if packer else piece

    path = tmp_path / f"s{ending}"
    with path.open("wb", buffering=0) as out:
        out.write(pack(b"".join(data[:100])))
        with open_session([path]) as session:
            assert session.wait(10) and session.index.lines == 100 and session.problem == ""
            out.write(pack(b"".join(data[100:])))
            for _ in range(100):
                if session.index.lines == 301:
                    break
                time.sleep(0.05)
            assert session.wait(10)
            assert list(map(made.plain, session.lines())) == list(map(made.plain, made.lines(4, 300)))


def test_a_session_without_its_beginning_still_plays(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'is":"header"}\n' + b"".join(map(encode, list(made.lines(1, 50))[1:])))
    with opened(path) as session:
        assert session.index.lines == 50
        assert session.faults.first[0].number == 1


def test_several_sessions_are_one_by_wall_time(tmp_path: Path) -> None:
    one = list(made.lines(1, 200, began=made.BEGAN + 30, cluster="prod-eu"))
    two = list(made.lines(2, 200, began=made.BEGAN, cluster="prod-us"))
    paths = [made.save(tmp_path / "one.jsonl", one), made.save(tmp_path / "two.jsonl", two)]
    with opened(*paths) as session:
        got = list(session.lines())
        header = got[0]
        assert isinstance(header, Header)
        assert (header.at, header.clusters) == (made.BEGAN, ("prod-eu", "prod-us"))
        assert [line.t for line in got] == sorted(line.t for line in got)
        for lines, late in ((one, 30.0), (two, 0.0)):
            cluster = lines[0].clusters[0] if isinstance(lines[0], Header) else ""
            want = [
                (pytest.approx(line.t + late), f"{cluster}/{line.event.namespace}", line.event.kind)
                for line in lines
                if isinstance(line, EventLine)
            ]
            assert want == [
                (line.t, line.event.channel, line.event.kind)
                for line in got
                if isinstance(line, EventLine) and line.event.cluster == cluster
            ]
        mixes = [line for line in got if isinstance(line, MixLine)]
        assert {channel.name.split("/")[0] for channel in mixes[-1].channels} == {"prod-eu", "prod-us"}
        assert len(mixes[-1].channels) == 10


def test_two_recordings_of_one_cluster_keep_its_channels(tmp_path: Path) -> None:
    paths = [made.save(tmp_path / f"{seed}.jsonl", made.lines(seed, 50)) for seed in (1, 2)]
    with opened(*paths) as session:
        assert all("/" not in line.event.channel for line in session.lines() if isinstance(line, EventLine))


def seen(t: float, change: Change, pod: bytes) -> PodLine:
    return PodLine(t=t, at=made.BEGAN + t, cluster="prod", change=change, pod=msgspec.Raw(pod))


def test_events_are_told_again_by_the_rules_of_today(tmp_path: Path) -> None:
    lost = made.event(Kind.SOURCE_LOST, 3.0)
    raw: list[Line] = [
        Header(format=1, at=made.BEGAN, clusters=("prod",)),
        seen(0.0, "LISTED", made.pod_json("old")),
        seen(1.0, "ADDED", made.pod_json("new")),
        seen(2.0, "MODIFIED", made.pod_json("old", version=2, ready=True)),
        EventLine(t=2.0, event=made.event(Kind.CRASHED, 2.0, pod="old")),
        EventLine(t=3.0, event=lost),
        seen(4.0, "DELETED", made.pod_json("new")),
    ]
    path = made.save(tmp_path / "s.jsonl", raw)
    with opened(path) as session:
        assert [kind for *_, kind in events(list(session.lines()))] == ["crashed", "source_lost"]
    with opened(path, fresh=True) as session:
        assert events(list(session.lines())) == [
            ("shop", "new", "created"),
            ("shop", "old", "ready"),
            ("shop", "cart-0", "source_lost"),
            ("shop", "new", "terminating"),
            ("shop", "new", "deleted"),
        ]


# What others have written


def test_the_recorded_incident_tells_what_it_told_when_it_was_recorded() -> None:
    told = (DATA / "incident.events.txt").read_text().splitlines()
    with opened(INCIDENT) as session:
        lines = list(session.lines())
    assert [line.text for line in lines if isinstance(line, MarkLine)] == [
        line.removeprefix("# ") for line in told if line.startswith("# ")
    ]
    mine = Counter(
        f"{line.event.namespace}/{line.event.pod} {line.event.kind} {line.event.reason}".rstrip()
        for line in lines
        if isinstance(line, EventLine)
    )
    theirs = Counter(line for line in told if not line.startswith("#"))
    assert not theirs - mine
    assert {name.split()[1] for name in mine - theirs} <= {"flapping", "node_lost"}
    assert lines[-1].t == pytest.approx(144.2, abs=0.1)


def kubectl_pod(name: str, created: int, started: int | None = None) -> dict[str, Any]:
    def time_(seconds: int) -> str:
        return datetime.fromtimestamp(made.BEGAN + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    metadata: dict[str, Any] = {"name": name, "namespace": "shop", "uid": name}
    metadata |= {"resourceVersion": f"{created}{started}", "creationTimestamp": time_(created)}
    metadata |= {"annotations": {"secret": "hunter2"}, "managedFields": [{"time": time_(9_000)}]}
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    if started is not None:
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": time_(started)}
        pod["status"] = {"conditions": [ready]}
    return pod


KUBECTL = [
    ("ADDED", kubectl_pod("old", -5_000, -4_000)),
    ("ADDED", kubectl_pod("young", -10)),
    ("ADDED", kubectl_pod("older", -9_000, -8_000)),
    ("MODIFIED", kubectl_pod("young", -10, 5)),
    ("ADDED", kubectl_pod("new", 7)),
    ("MODIFIED", kubectl_pod("new", 7, 9)),
    ("DELETED", kubectl_pod("old", -5_000, -4_000)),
]


@pytest.mark.parametrize("how", ["events", "indented"])
def test_what_kubectl_wrote_takes_its_times_from_the_pods(tmp_path: Path, how: str) -> None:
    path = tmp_path / "prod.json"
    if how == "events":
        path.write_text("".join(json.dumps({"type": type_, "object": pod}) + "\n" for type_, pod in KUBECTL))
    else:
        path.write_text("".join(json.dumps(pod, indent=4) + "\n" for _, pod in KUBECTL[:-1]))
    with opened(path) as session:
        assert session.faults.total == 0
        lines = list(session.lines())
        data = os.pread(session.file, 1 << 20, 0)
    header = lines[0]
    assert isinstance(header, Header)
    assert (header.at, header.clusters) == (made.BEGAN - 10, ("prod",))
    pods = [(line.t, line.change) for line in lines if isinstance(line, PodLine)]
    want = [(0, "LISTED")] * 3 + [(15, "MODIFIED"), (17, "ADDED"), (19, "MODIFIED"), (19, "DELETED")]
    assert pods == want[: len(pods)] and len(pods) >= 6
    assert [kind for *_, kind in events(lines)][:3] == ["ready", "created", "ready"]
    assert b"hunter2" not in data and b"managedFields" not in data


def test_kubectl_without_any_time_is_of_now(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a","namespace":"b"}}}\n')
    with opened(path) as session:
        assert session.index.header and abs(session.index.header.at - time.time()) < 60


def test_what_kubectl_wrote_has_an_end_although_a_session_may_grow(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"type": "ADDED", "object": KUBECTL[0][1]}))
    with opened(path, follow=True) as session:
        assert [type(line) for line in session.lines()] == [Header, PodLine]


def test_a_broken_object_costs_itself_and_its_line_is_told(tmp_path: Path) -> None:
    whole_ = [json.dumps(pod, indent=4) for _, pod in KUBECTL[:6]]
    path = tmp_path / "s.json"
    path.write_text("\n".join([*whole_[:3], whole_[3][:200], *whole_[3:]]) + "\n")
    number = sum(text.count("\n") + 1 for text in whole_[:3]) + 1
    with opened(path) as session:
        assert [fault.number for fault in session.faults.first] == [number]
        assert sum(isinstance(line, PodLine) for line in session.lines()) == 6


def test_stdin_is_read_to_its_end(tmp_path: Path) -> None:
    path = made.save(tmp_path / "s.jsonl", made.lines(1, 100))
    program = (
        "from pathlib import Path; from sonickube_tui.session.opening import open_session\n"
        "with open_session([Path('-')]) as s: s.wait(20); print(s.name, s.index.lines, s.problem)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=path.read_bytes(), capture_output=True)
    assert done.stdout.decode().split() == ["stdin", "101"], done.stderr


# What is no session


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"\n\n \n", "is no session"),
        (b"hello\nworld\n", "is no session"),
        (b'{"a":1}\n' * 100, "is no session"),
        (random.Random(1).randbytes(100_000), "is no session"),
        (b"\0" * 100_000, "is no session"),
        (b"\x7fELF" + bytes(1000), "is no session"),
        (b"[" * 1_000_000, "is no session"),
        (b'{"a":' * 1_000_000, "is no session"),
        (b"x" * 40_000_000, "is no session"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(b"\0" * 40_000_000, mtime=0), "is no session"),
        (b'{"is":"header","format":2,"at":1}\n', "line 1: it is a session of format 2"),
        (
            gzip.compress(b'{"is":"header","format":9,"at":1}\n', mtime=0),
            "line 1: it is a session of format 9",
        ),
    ],
    ids=lambda value: str(value[:20]),
)
def test_what_is_no_session_is_told_in_one_line(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(data)
    with pytest.raises(UserError, match=why) as caught:
        open_session([path], deriving=Again)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_without_zstd_it_is_told_and_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.jsonl.zst"
    path.write_bytes(zstd(b"".join(map(encode, made.lines(1, 10)))))
    for module in ("backports", "backports.zstd", "compression", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match="zstd is not installed"):
        open_session([path])
    with pytest.raises(UserError, match="zstd is not installed"):
        Recorder().start(tmp_path / "new.zst")
    assert not (tmp_path / "new.zst").exists()


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be opened: No such file"):
        open_session([tmp_path / "missing.jsonl"])
    with pytest.raises(UserError, match="is a folder"):
        open_session([tmp_path])
    good = made.save(tmp_path / "s.jsonl", made.lines(1, 10))
    before = psutil.Process().num_fds()
    with pytest.raises(UserError, match="cannot be opened"):
        open_session([good, tmp_path / "missing.jsonl"])
    assert psutil.Process().num_fds() == before


def test_a_bomb_of_zeros_is_left_in_time(tmp_path: Path) -> None:
    header = next(iter(made.lines(1, 0)))
    path = tmp_path / "bomb.gz"
    good = encode(header) + encode(MarkLine(t=1.0, text="good"))
    path.write_bytes(gzip.compress(good, mtime=0) + 16 * gzip.compress(bytes(1 << 26)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with opened(path) as session:
        assert "unpacks to more than" in session.problem
        assert [line.text for line in session.lines() if isinstance(line, MarkLine)] == ["good"]
        assert os.fstat(session.file).st_size < 64 * 2**20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000


def test_more_than_the_limit_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "s.gz"
    path.write_bytes(gzip.compress(b"".join(map(encode, made.lines(1, 20_000)))))
    with opened(path, limit=1 << 20) as session:
        assert "unpacks to more than" in session.problem
        assert 1000 < session.index.lines < 20_000


JUNK = [b"\n", b"[" * 3000, b'{"a":' * 3000, b"9" * 500]


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_done_to_a_file_its_good_lines_play_or_it_is_told_why_not(
    tmp_path: Path, data: st.DataObject
) -> None:
    sort = data.draw(st.sampled_from(["session", "gzip", "zstd", "kubectl", "indented", "incident"]))
    match sort:
        case "session" | "gzip" | "zstd":
            content = b"".join(map(encode, made.lines(1, 30)))
            content = {"session": bytes, "gzip": gzip.compress, "zstd": zstd}[sort](content)  # type: ignore[operator]
        case "kubectl":
            content = b"".join(
                json.dumps({"type": type_, "object": pod}).encode() + b"\n" for type_, pod in KUBECTL
            )
        case "indented":
            content = b"".join(json.dumps(pod, indent=4).encode() + b"\n" for _, pod in KUBECTL)
        case _:
            content = b"".join(
                json.dumps(
                    {"ts": made.BEGAN, "resource": "pods", "event": {"type": type_, "object": pod}}
                ).encode()
                + b"\n"
                for type_, pod in KUBECTL
            )
    broken = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(broken) - 1)))
        size = data.draw(st.integers(0, 60))
        junk = data.draw(
            st.binary(max_size=60) | st.sampled_from([b"\n", b"[" * 3000, b'{"a":' * 3000, b"9" * 500])
        )
        broken[at : at + size] = junk
    path = tmp_path / "broken"
    path.write_bytes(broken)
    try:
        with opened(path, fresh=True) as session:
            lines = list(session.lines())
            assert [line.t for line in lines] == sorted(line.t for line in lines)
            assert "\n" not in session.problem
            session.index.seek(session.index.end / 2)
    except UserError as error:
        assert "\n" not in str(error)
