"""The console on a few events that are always the same, for pictures that can be compared."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from players import ROOT, Notebook, PaperEngine, conductor, event, score
from sonickube_tui.conductor import Conductor
from sonickube_tui.event import Connection, Item, Kind, Link
from sonickube_tui.music.health import Health
from sonickube_tui.music.mixer import Channel, Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import read_theme
from sonickube_tui.replay import Replay
from sonickube_tui.session.format import ConnectionLine, Line
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.player import Player
from sonickube_tui.ui import app
from tapes import happened, marked, write


def story() -> AsyncIterator[Item]:
    """A few moments of a cluster."""
    cart, ledger, index = "cart-7f9c6d5b48-x2j4q", "ledger-0", "index-3"
    missing = 'rpc error: code = NotFound desc = failed to pull image "images.local/index:9": not found'
    return score(
        Connection(at=0, cluster="prod-eu", link=Link.WATCHING, pods=412),
        event(Kind.CREATED, "shop", cart),
        event(Kind.SCHEDULED, "shop", cart, message="on node-a"),
        event(Kind.STARTED, "shop", cart, message="app"),
        event(Kind.READY, "shop", cart),
        event(Kind.CRASHED, "payments", ledger, reason="Error", message="container app ended with code 1"),
        event(Kind.CRASH_LOOP, "payments", ledger, reason="CrashLoopBackOff", restarts=4),
        event(Kind.OOM_KILLED, "batch", "nightly-29412-x2j4q", reason="OOMKilled"),
        event(Kind.IMAGE_FAILED, "search", index, reason="ErrImagePull", message=missing),
        event(Kind.UNREADY, "kube-system", "coredns-5d78c9869d-4xkqp", reason="ContainersNotReady"),
        event(Kind.TERMINATING, "shop", cart),
    )


INCIDENT: list[Line] = [
    ConnectionLine(connection=Connection(at=0, cluster="prod-eu", link=Link.WATCHING, pods=412)),
    *(happened(t, Kind.READY, "shop", f"cart-{t}") for t in range(0, 300, 4)),
    *(happened(t, Kind.CREATED, "search", f"index-{t}") for t in range(1, 300, 7)),
    *(happened(t, Kind.UNREADY, "payments", f"ledger-{t}") for t in range(100, 150, 2)),
    *(happened(t, Kind.CRASHED, "payments", f"ledger-{t}") for t in range(110, 140, 3)),
    happened(126, Kind.OOM_KILLED, "batch", "nightly-29412"),
    happened(127, Kind.CRASH_LOOP, "batch", "nightly-29412"),
    marked(95, "deploy 4.2"),
    marked(160, "rolled back"),
]


def replay(desk: Conductor, light: bool) -> None:
    """An incident, paused in its midst."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "incident.jsonl", sorted(INCIDENT, key=lambda line: line.t))
        with open_session([path]) as session:
            session.name = path.name
            player = Player(session)
            player.pause()
            player.seek(130)
            show = Replay(player, desk)
            app.run(desk, show.items(), save_to=Path(folder), keep_mix=lambda: None, light=light, replay=show)


if __name__ == "__main__":
    name, *options = sys.argv[1:]
    mixer = Mixer((Channel("batch", -3.0, pan=-0.4), Channel("search", -18.0, muted=True, pan=1.0)))
    desk = conductor(
        PaperEngine(),
        Notebook(),
        theme=read_theme(ROOT / "themes" / f"{name}.toml"),
        library=Library([ROOT / "snippets" / name]),
        mixer=mixer,
    )
    if "replay" in options:
        desk.clock = lambda: 130.0
        replay(desk, "light" in options)
        sys.exit()
    desk.health = Health(half_life=1e9)  # Nobody recovers while the picture is taken.
    app.run(
        desk,
        story(),
        save_to=Path(tempfile.gettempdir()),
        keep_mix=lambda: None,
        light="light" in options,
    )
