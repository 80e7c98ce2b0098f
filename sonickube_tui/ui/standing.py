"""How the source stands with its clusters, in the few words that a header has room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from sonickube_tui.event import Connection, Link, Severity
from sonickube_tui.plain import plain
from sonickube_tui.ui.cells import Shared
from sonickube_tui.ui.look import Look

_BAR = 8
"""Cells of a progress bar."""

_AROUND = 24
"""Cells of the header's title and clock."""

_CONCERN = [Link.REFUSED, Link.RECONNECTING, Link.CONNECTING, Link.LISTING]
"""What is said first."""


def standing(connections: Sequence[Connection], look: Look, width: int) -> Text:
    """One cluster and how it is; or several, before them those that are not watched, the worst first.

    `width` is that of the whole header, in cells.
    """
    if len(connections) > 1:
        return _several(connections, look, width)
    line = Text()
    if not connections:
        return line.append("…", look.strong)
    [only] = connections
    line.append(f"{plain(only.cluster)} ", look.strong)
    if only.link is Link.WATCHING:
        line.append(f"▸ {only.pods:,} pods", look.plain)
        return line.append(f"  {plain(only.detail)}", look.quiet) if only.detail else line
    detail = _progress(only) or plain(only.detail)
    return line.append(f"▸ {only.link.value} {detail}".rstrip(), _style(only, look))


def _several(connections: Sequence[Connection], look: Look, width: int) -> Text:
    shared = Shared.of([one.cluster for one in connections])
    names = {one: shared.brief(one.cluster, 24 if width >= 100 else 12) for one in connections}
    well = [one for one in connections if one.link is Link.WATCHING]
    unwell = [one for link in _CONCERN for one in connections if one.link is link]
    if all(one.link is Link.CONNECTING for one in connections):
        line = Text(_together([*names.values()], width), look.strong)
        return line.append(" ▸ connecting", look.quiet)
    first, others = Text(), Text()
    for one in unwell:
        place = first if one is unwell[0] else others.append(", ", look.quiet)
        place.append(f"{names[one]} ", look.strong)
        place.append(_in_short(one) if place is first else one.link.value, _style(one, look))
    if well:
        others.append("  " if unwell else "")
        others.append(_together([names[one] for one in well], width), look.strong)
        others.append(f" ▸ {sum(one.pods for one in well):,} pods", look.plain)
    # What is wrong may be a long story: it leaves the others, and their health, some room.
    first.truncate(max(34, min(width // 2, width - others.cell_len - _AROUND)), overflow="ellipsis")
    return first.append_text(others)


def _together(names: Sequence[str], width: int) -> str:
    together = ", ".join(names)
    return together if cell_len(together) <= width // 3 else f"{len(names)} clusters"


def _in_short(connection: Connection) -> str:
    if connection.link is Link.REFUSED:
        return f"refused: {plain(connection.detail)}"
    if connection.link is Link.RECONNECTING:
        # A detail says what went wrong, and then what happens next.
        *_, following = plain(connection.detail).split("; ")
        return f"reconnecting {following.removeprefix('trying again ')}"
    return _progress(connection) or connection.link.value


def _progress(connection: Connection) -> str:
    """How far a list is that still comes in: as wide at its beginning as at its end."""
    if connection.link is not Link.LISTING:
        return ""
    if connection.pods > connection.expected:  # The server does not say how many are to come.
        return f"{connection.pods:,} pods"
    if not connection.expected:
        return ""
    whole = f"{connection.expected:,}"
    full = _BAR * connection.pods // connection.expected
    return f"{connection.pods:>{len(whole)},} of {whole} {'▰' * full}{'▱' * (_BAR - full)}"


def _style(connection: Connection, look: Look) -> Style:
    if connection.link is Link.REFUSED:
        return look.severity[Severity.ERROR]
    return look.severity[Severity.WARNING] if connection.link is Link.RECONNECTING else look.quiet
