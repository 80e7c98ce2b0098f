"""Several sessions as one, by wall time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import msgspec

from sonickube_tui.music.mixer import Channel
from sonickube_tui.session.format import DIGITS, FORMAT, EventLine, Header, Line, MixLine


def merged(sessions: Sequence[Iterator[Line]]) -> Iterator[Line]:
    """One session of several, each of which begins with a header and has times that never go back.

    When they are of more than one cluster, channels are named `cluster/namespace`.
    """
    headers: list[Header] = []
    rest: list[Iterator[Line]] = []
    for session in sessions:
        first = next(session, None)
        if isinstance(first, Header):
            headers.append(first)
            rest.append(session)
    if not headers:
        return
    began = min(header.at for header in headers)
    clusters = tuple(sorted({cluster for header in headers for cluster in header.clusters}))
    themes = [header.theme for header in headers if header.theme]
    yield Header(
        format=FORMAT, at=began, version=headers[0].version, theme=next(iter(themes), ""), clusters=clusters
    )
    several = len(clusters) > 1
    mixes: dict[str, Channel] = {}
    dimmed = False
    timed = [_timed(lines, headers[number].at, number) for number, lines in enumerate(rest)]
    for wall, number, line in heapq.merge(*timed, key=lambda one: one[0]):
        t = round(wall - began, DIGITS)
        own = headers[number].clusters
        match line:
            case EventLine() if several and not line.event.prefix:
                event = msgspec.structs.replace(line.event, prefix=f"{line.event.cluster}/")
                yield EventLine(t=t, event=event)
            case MixLine():
                prefix = f"{own[0]}/" if several and len(own) == 1 else ""
                for channel in line.channels:
                    name = prefix + channel.name
                    mixes[name] = msgspec.structs.replace(channel, name=name)
                dimmed = line.dimmed
                yield msgspec.structs.replace(line, t=t, channels=tuple(mixes.values()), dimmed=dimmed)
            case _:
                yield msgspec.structs.replace(line, t=t)


def _timed(lines: Iterator[Line], began: float, number: int) -> Iterator[tuple[float, int, Line]]:
    for line in lines:
        yield began + line.t, number, line
