"""Puts the parts together: from settings to a playing console, with or without a screen."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.address import parse_address
from sonickube_tui.engine.base import Engine, Silence
from sonickube_tui.engine.boot import Installation, installations
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Item
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.mixer import Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import load_theme
from sonickube_tui.settings import Settings, config_folder, shipped, state_folder
from sonickube_tui.state import load_mix, mix_file, save_mix

Stream = AsyncIterator[Item]


def theme_folders() -> list[Path]:
    """Where themes are looked for; the user's own hide the shipped ones of the same name."""
    return [shipped("themes"), config_folder() / "themes"]


async def cluster(settings: Settings) -> Stream:
    """A real cluster, from the first event on until the user has enough."""
    await _import_unseen("sonickube_tui.cluster.source")
    from sonickube_tui.cluster.connect import connect
    from sonickube_tui.cluster.source import follow

    async for item in follow(
        lambda: connect(settings.kubeconfig, settings.context), settings.namespaces, settings.selector
    ):
        yield item


async def kubectl(settings: Settings, stdin: int) -> Stream:
    """What `kubectl get pods -w -o json` writes to a file descriptor; its context's name is the cluster's.

    Raises UserError for a selector, which only kubectl can follow, and as the stream does.
    """
    from sonickube_tui.cluster.patterns import parse

    if settings.selector:
        raise UserError("with --stdin kubectl chooses the pods: give -l to kubectl")
    wanted = parse(settings.namespaces)
    await _import_unseen("sonickube_tui.cluster.kubectl")
    from sonickube_tui.cluster.kubectl import follow

    async for item in follow(stdin, settings.context or "kubectl", wanted):
        yield item


def piped(*, headless: bool) -> int:
    """The file descriptor of what is piped to us; without `headless` the keys come from the terminal then.

    Raises UserError when nothing is piped, or there is no terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("--stdin wants a pipe: kubectl get pods -w -o json | sonickube --stdin")
    stream = os.dup(0)
    if not headless:
        try:
            terminal = os.open("/dev/tty", os.O_RDWR)
        except OSError:
            raise UserError(
                "the console needs a terminal; without one, --stdin goes with --headless"
            ) from None
        # Textual reads keys from stdin, whatever that is.
        os.dup2(terminal, 0)
        os.close(terminal)
    return stream


async def simulation(settings: Settings, scenario: str, seed: int) -> Stream:
    """The demo's cluster, reached through the same client as a real one."""
    await _import_unseen("sonickube_tui.cluster.source", "sonickube_tui.cluster.simulated.server")
    from sonickube_tui.cluster.connect import Api, plain
    from sonickube_tui.cluster.simulated.server import SimulatedCluster
    from sonickube_tui.cluster.source import follow

    async with SimulatedCluster(scenario, seed) as server:

        async def connect() -> Api:
            return plain(server.url, "demo")

        async for item in follow(connect, settings.namespaces, settings.selector):
            yield item


async def _import_unseen(*modules: str) -> None:
    """Import what takes half a second in a thread, so that the screen stays free meanwhile."""
    for module in modules:
        await asyncio.to_thread(import_module, module)
    # Modules live as long as the program. Left to the collector, they hold up the loop for 0.1 s each time.
    gc.freeze()


def play(settings: Settings, stream: Stream, *, headless: bool, seconds: float | None) -> None:
    """Open the console on a stream of events, or print them, until the user or the time ends it.

    Raises UserError for all that the user can mend.
    """
    if not headless and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UserError("the console needs a terminal; without one, use --headless")
    folders = snippet_folders(settings)
    theme = load_theme(settings.theme, theme_folders())
    with suppress(OSError):  # Without it, saving says why; a folder that is there can be watched.
        folders[-1].mkdir(parents=True, exist_ok=True)
    conductor = Conductor(
        theme=theme,
        library=Library(folders),
        engine=engine(settings),
        mixer=Mixer(dim_db=settings.dim_db),
        merger=Merger(settings.onsets_per_second, theme.window),
        voices=settings.voices,
    )
    source = _with_its_mix(conductor, stream)
    if headless:
        from sonickube_tui import headless as without_screen

        asyncio.run(without_screen.run(conductor, source, seconds))
    else:
        from sonickube_tui.ui import app

        app.run(
            conductor,
            source,
            save_to=folders[-1],
            keep_mix=lambda: save_mix(mix_file(conductor.connection.cluster), conductor.mixer),
            light=settings.light,
            seconds=seconds,
        )


async def _with_its_mix(conductor: Conductor, stream: Stream) -> Stream:
    """The stream; when it has told which cluster it is, the mix kept for that cluster is set up."""
    known = False
    async for item in stream:
        if isinstance(item, Connection) and not known:
            conductor.mixer = load_mix(mix_file(item.cluster), conductor.mixer.dim_db)
            known = True
        yield item


def snippet_folders(settings: Settings) -> list[Path]:
    """Where snippets are; those of the last folder come before the theme's, and edits are saved there.

    Raises UserError when the settings name a folder that is not there.
    """
    own = config_folder() / "snippets" / settings.theme
    if settings.snippets is not None:
        own = Path(settings.snippets).expanduser()
        if not own.is_dir():
            raise UserError(f"there is no snippet folder {own}; make it, or leave --snippets out")
    return [shipped("snippets") / settings.theme, own]


def engine(settings: Settings, *, required: bool = False) -> Engine:
    """What makes the sound; with `required` its run ends with a UserError when no Sonic Pi answers.

    Raises UserError when the settings cannot be followed.
    """
    if settings.engine == "silent":
        return Silence("The sound is off, as the engine setting says.")
    named = parse_address(settings.sonic_pi) if settings.sonic_pi else None
    if named and not named.loopback and not settings.allow_remote:
        raise UserError(
            f"Sonic Pi at {named} is another machine: snippets are code that runs there with all rights of "
            "its user, and anyone on the way can change them; if that is meant, add --allow-remote"
        )
    return SonicPi(
        Ways(
            named=named,
            running=settings.engine in ("auto", "sonic-pi"),
            bridge=settings.engine == "bridge",
            installed=_installed(settings) if not named and settings.engine in ("auto", "boot") else (),
            audio=settings.audio,
            folder=state_folder() / "sonic-pi",
            required=required or settings.engine in ("sonic-pi", "boot"),
        )
    )


def _installed(settings: Settings) -> Sequence[Installation]:
    app = Path(settings.sonic_pi_app).expanduser() if settings.sonic_pi_app else None
    found = installations(app)
    if settings.engine == "boot" and not found:
        raise UserError("no Sonic Pi is installed in the usual places; name its folder with --sonic-pi-app")
    return found
