"""Sessions made up for tests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from sonickube_tui.event import Connection, Event, Kind, Link
from sonickube_tui.music.mixer import Channel
from sonickube_tui.session.format import (
    FORMAT,
    ConnectionLine,
    EventLine,
    Header,
    Line,
    MarkLine,
    MixLine,
    PodLine,
    SnippetLine,
    ThemeLine,
    encode,
)

BEGAN = 1_790_000_000.0


def event(kind: Kind = Kind.READY, t: float = 0.0, namespace: str = "shop", pod: str = "cart-0") -> Event:
    return Event(at=BEGAN + t, cluster="prod", namespace=namespace, pod=pod, uid=f"uid-{pod}", kind=kind)


def pod_json(name: str = "cart-0", namespace: str = "shop", version: int = 1, ready: bool = False) -> bytes:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return msgspec.json.encode({"metadata": metadata, "status": {"conditions": [condition]}})


def lines(seed: int, count: int, *, began: float = BEGAN, cluster: str = "prod") -> Iterator[Line]:
    """A session of so many lines and a header, of all kinds of lines; often several at one time."""
    dice = random.Random(seed)
    yield Header(format=FORMAT, at=began, version="1.0", theme="zen", clusters=(cluster,))
    t = 0.0
    kinds = list(Kind)
    for number in range(count):
        t = round(t + dice.choice((0.0, 0.0, 0.25, 1.5, 40.0)), 6)
        match dice.randrange(12):
            case 0:
                channels = tuple(
                    Channel(f"ns-{n}", muted=dice.random() < 0.5, pan=dice.randint(-10, 10) / 10)
                    for n in range(5)
                )
                yield MixLine(t=t, at=began + t, channels=channels, dimmed=dice.random() < 0.5)
            case 1:
                yield SnippetLine(t=t, at=began + t, name=f"bell_{dice.randrange(3)}", text=f"play {number}")
            case 2:
                yield ThemeLine(t=t, at=began + t, name=dice.choice(("zen", "classic")))
            case 3:
                yield MarkLine(t=t, at=began + t, text=f"mark {number}")
            case 4:
                link = dice.choice(list(Link))
                told = Connection(at=began + t, cluster=cluster, link=link, pods=number)
                yield ConnectionLine(t=t, connection=told)
            case 5 | 6:
                name = f"pod-{dice.randrange(20)}"
                pod = msgspec.Raw(pod_json(name, f"ns-{dice.randrange(8)}", number))
                change = dice.choice(("LISTED", "ADDED", "MODIFIED", "DELETED"))
                yield PodLine(t=t, at=began + t, cluster=cluster, change=change, pod=pod)
            case _:
                happened = event(
                    dice.choice(kinds), t, f"ns-{dice.randrange(8)}", f"pod-{dice.randrange(20)}"
                )
                yield EventLine(t=t, event=msgspec.structs.replace(happened, cluster=cluster))


def save(path: Path, what: Iterable[Line]) -> Path:
    path.write_bytes(b"".join(map(encode, what)))
    return path


def plain(line: Line) -> dict[str, object]:
    """A line as a value that can be compared: two `Raw` of the same bytes are not equal."""
    return {"t": 0.0} | msgspec.json.decode(encode(line))
