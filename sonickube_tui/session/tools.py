"""What can be done with sessions without playing them. Everything streams: no file is held in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind
from sonickube_tui.session.format import (
    DIGITS,
    FORMAT,
    ConnectionLine,
    EventLine,
    GapLine,
    Header,
    Line,
    MixLine,
    PodLine,
    SnippetLine,
    encode,
)
from sonickube_tui.session.index import Mark
from sonickube_tui.session.lines import Fault, Lines, Place, line_at
from sonickube_tui.session.opening import Opened
from sonickube_tui.session.sink import Sink
from sonickube_tui.session.state import CHANNELS, NAME_LENGTH

PODS = 200_000
"""So many pods are carried over into a trimmed session; a cluster may have 150,000."""

MINUTE = 60.0


class Info(msgspec.Struct, frozen=True):
    """What a session holds.

    `began` is Unix time and `seconds` its length; `lines` are counted by what they are, `lost` are lines
    that the recorder had no room for; `faults` are the first of `bad` lines, `unknown` lines are of kinds
    that a later program has added, and `tail` bytes at the end are no whole line.
    """

    name: str
    began: float
    seconds: float
    version: str
    theme: str
    clusters: tuple[str, ...]
    lines: dict[str, int]
    kinds: dict[str, int]
    channels: int
    marks: tuple[Mark, ...]
    lost: int
    bad: int
    faults: tuple[Fault, ...]
    unknown: int
    tail: int
    problem: str


def info(session: Opened) -> Info:
    """Look through a session that has caught up. Raises OSError."""
    lines: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    channels: set[str] = set()
    lost = 0
    for line in session.lines():
        lines[str(line.__struct_config__.tag)] += 1
        if isinstance(line, EventLine):
            kinds[line.event.kind] += 1
            if len(channels) < CHANNELS and len(line.event.channel) <= NAME_LENGTH:
                channels.add(line.event.channel)
        elif isinstance(line, GapLine):
            lost += line.lost
    index, faults = session.index, session.faults
    header = index.header or Header(format=FORMAT, at=0.0)
    return Info(
        name=session.name,
        began=header.at,
        seconds=index.end,
        version=header.version,
        theme=header.theme,
        clusters=index.clusters,
        lines=dict(lines),
        kinds=dict(kinds.most_common()),
        channels=len(channels),
        marks=index.marks,
        lost=lost,
        bad=faults.total,
        faults=tuple(faults.first),
        unknown=faults.unknown,
        tail=index.tail,
        problem=session.problem,
    )


class KindUse(msgspec.Struct, frozen=True):
    """How often a kind of event happens, and the snippet that plays it.

    It is empty where the theme means silence, and None where there is no snippet.
    """

    kind: Kind
    events: int
    snippet: str | None


class ChannelUse(msgspec.Struct, frozen=True):
    """How busy a channel is: all its events, and the most within one minute, which begins at `minute`."""

    name: str
    events: int
    most: int
    minute: float


class Check(msgspec.Struct, frozen=True):
    """What a session would sound like: kinds and channels, the most frequent first."""

    kinds: tuple[KindUse, ...]
    channels: tuple[ChannelUse, ...]


class _Minutes:
    """Counts the events of one channel; minutes are counted from the session's beginning."""

    __slots__ = ("events", "here", "minute", "most", "now")

    def __init__(self) -> None:
        self.events = self.here = self.most = 0
        self.now = self.minute = 0

    def add(self, t: float) -> None:
        minute = int(t // MINUTE)
        self.here = self.here + 1 if minute == self.now else 1
        self.now = minute
        self.events += 1
        if self.here > self.most:
            self.most, self.minute = self.here, minute


def check(lines: Iterable[Line], snippet: Callable[[Kind], str | None]) -> Check:
    """Look at what happens in a session; `snippet` names what plays a kind, as in `KindUse`."""
    kinds: Counter[Kind] = Counter()
    channels: dict[str, _Minutes] = {}
    for line in lines:
        if isinstance(line, EventLine):
            kinds[line.event.kind] += 1
            name = line.event.channel
            if name in channels or (len(channels) < CHANNELS and len(name) <= NAME_LENGTH):
                channels.setdefault(name, _Minutes()).add(line.t)
    uses = [ChannelUse(name, use.events, use.most, use.minute * MINUTE) for name, use in channels.items()]
    return Check(
        tuple(KindUse(kind, events, snippet(kind)) for kind, events in kinds.most_common()),
        tuple(sorted(uses, key=lambda use: (-use.events, use.name))),
    )


def write(lines: Iterable[bytes], path: Path) -> int:
    """Write a new file, compressed by its name; how many lines it has.

    Raises UserError when it is there already or cannot be written whole; then it is taken away again.
    """
    sink = Sink(path)
    count = 0
    try:
        for line in lines:
            sink.add(line)
            count += 1
            if sink.pending >= 1 << 18:
                sink.write()
        sink.close()
    except BrokenPipeError:
        raise
    except BaseException as error:
        if str(path) != "-":
            with suppress(OSError):
                path.unlink()
        if isinstance(error, OSError):
            raise UserError(f"{path} cannot be written: {error.strerror}") from None
        raise
    return count


def encoded(lines: Iterable[Line]) -> Iterator[bytes]:
    """Lines as they stand in a file."""
    return map(encode, lines)


def trimmed(session: Opened, start: float, end: float) -> Iterator[Line]:
    """The part of a session from `start` to `end`, in seconds, as a session that plays alone.

    It begins with the mix, the snippets and the pods as they were at `start`. The session has caught up.
    Raises UserError when nothing is left, OSError.
    """
    if start >= end or start > session.index.end:
        raise UserError(
            f"nothing of {session.name} is between {start:g} s and {end:g} s: it has {session.index.end:g} s"
        )
    scene = session.index.seek(start)
    header = session.index.header or Header(format=FORMAT, at=0.0)
    yield msgspec.structs.replace(
        header, t=0.0, at=scene.at, theme=scene.theme, clusters=session.index.clusters
    )
    for name, text in scene.snippets.items():
        yield SnippetLine(at=scene.at, name=name, text=text)
    if scene.mix or scene.dimmed:
        yield MixLine(at=scene.at, channels=scene.mix, dimmed=scene.dimmed)
    yield from (ConnectionLine(connection=connection) for connection in scene.connections.values())
    for offset in _pods(session.file, scene.place):
        line = line_at(session.file, offset)
        if isinstance(line, PodLine):
            yield msgspec.structs.replace(line, t=0.0, change="LISTED")
    for found in Lines(session.file, scene.place).read():
        if found.t > end:
            return
        if not isinstance(found.line, Header):
            yield msgspec.structs.replace(found.line, t=round(found.t - start, DIGITS))


class _Metadata(msgspec.Struct, gc=False):
    namespace: str = ""
    name: str = ""


class _Named(msgspec.Struct, gc=False):
    """As much of a pod as it is known by."""

    metadata: _Metadata


_decode_named = msgspec.json.Decoder(_Named).decode


def _pods(file: int, before: Place) -> list[int]:
    """Where the last line of each pod is that is there at a place, in the file's order."""
    pods: dict[tuple[str, str, str], int] = {}
    for found in Lines(file).read(before.offset):
        line = found.line
        if not isinstance(line, PodLine):
            continue
        try:
            metadata = _decode_named(line.pod).metadata
        except (ValueError, msgspec.DecodeError):
            continue
        key = (line.cluster, metadata.namespace, metadata.name)
        if line.change == "DELETED":
            pods.pop(key, None)
        elif key in pods or len(pods) < PODS:
            pods[key] = found.offset
    return sorted(pods.values())


def to_kubectl(lines: Iterable[Line]) -> Iterator[bytes]:
    """The pods of a session as `kubectl get pods -w -o json --output-watch-events` writes them.

    Nothing else of a session has a place there, and no times.
    """
    for line in lines:
        if isinstance(line, PodLine):
            change = b"ADDED" if line.change == "LISTED" else line.change.encode()
            fields = bytes(line.pod).strip()[1:]
            comma = b"" if fields.lstrip().startswith(b"}") else b","
            yield b'{"type":"%b","object":{"apiVersion":"v1","kind":"Pod"%b%b}\n' % (change, comma, fields)
