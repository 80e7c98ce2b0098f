"""Puts the parts together: from settings to a playing console, with or without a screen."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.address import parse_address
from sonickube_tui.engine.base import Engine, Silence
from sonickube_tui.engine.builtin.engine import BuiltIn
from sonickube_tui.engine.builtin.parts import missing
from sonickube_tui.engine.fallback import Fallback
from sonickube_tui.engine.installed import Installation, installations
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Item
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.mixer import Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import load_theme
from sonickube_tui.plain import plain
from sonickube_tui.recording import Deck
from sonickube_tui.session.recorder import Limits
from sonickube_tui.settings import Settings, config_folder, shipped, sonic_pi_folder, state_folder
from sonickube_tui.state import load_mix, mix_file, save_mix

Stream = AsyncIterator[Item]


def theme_folders() -> list[Path]:
    """Where themes are looked for; the user's own hide the shipped ones of the same name."""
    return [shipped("themes"), config_folder() / "themes"]


async def clusters(settings: Settings) -> Stream:
    """A real cluster or several, from the first event on until the user has enough.

    Raises UserError for a bad pattern and for contexts that are not there, and as the source does.
    """
    await _import_unseen("sonickube_tui.cluster.several")
    from sonickube_tui.cluster.connect import connect, contexts
    from sonickube_tui.cluster.patterns import parse
    from sonickube_tui.cluster.several import together
    from sonickube_tui.cluster.source import follow

    def one(context: str | None) -> Stream:
        return follow(partial(connect, settings.kubeconfig, context), settings.namespaces, settings.selector)

    names = settings.contexts
    if len(names) > 1:
        # What is wrong with all of them is told once, and before any of them is asked.
        parse(settings.namespaces)
        contexts(settings.kubeconfig).check(*names)
        stream = together({name: partial(one, name) for name in names})
    else:
        stream = one(next(iter(names), None))
    async for item in stream:
        yield item


async def kubectl(settings: Settings, stdin: int) -> Stream:
    """What `kubectl get pods -w -o json` writes to a file descriptor; its context's name is the cluster's.

    Raises UserError for a selector, which only kubectl can follow, for several contexts, and as the stream
    does.
    """
    from sonickube_tui.cluster.patterns import parse

    if len(settings.contexts) > 1:
        raise UserError("with --stdin there is one cluster: name it with one --context")
    if settings.selector:
        raise UserError("with --stdin kubectl chooses the pods: give -l to kubectl")
    wanted = parse(settings.namespaces)
    await _import_unseen("sonickube_tui.cluster.kubectl")
    from sonickube_tui.cluster.kubectl import follow

    async for item in follow(stdin, next(iter(settings.contexts), "kubectl"), wanted):
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


def play(
    settings: Settings,
    stream: Stream,
    *,
    headless: bool,
    seconds: float | None,
    clusters: Sequence[str] = (),
    record: Path | None = None,
    quiet: bool = False,
) -> None:
    """Open the console on a stream of events, or print them, until the user or the time ends it.

    The mix is the one kept for the `clusters`, or else for the one that the stream tells of. `record` is the
    file that all is recorded in from the beginning; `quiet` prints no events.
    Raises UserError for all that the user can mend.
    """
    demand_terminal(headless=headless)
    conductor = conductor_for(settings)
    limits = Limits(settings.record_limit_mb, settings.record_parts)
    deck = Deck(conductor, state_folder() / "sessions", limits=limits, redact=settings.record_redacted)
    source = _with_its_mix(conductor, deck.through(stream), clusters)
    if record:
        deck.start(record)
    try:
        if headless:
            from sonickube_tui import headless as without_screen

            asyncio.run(without_screen.run(conductor, source, seconds, quiet=quiet))
        else:
            from sonickube_tui.ui import app

            app.run(
                conductor,
                source,
                save_to=conductor.library.folders[-1],
                keep_mix=lambda: save_mix(mix_file(clusters or conductor.connections), conductor.mixer),
                light=settings.light,
                seconds=seconds,
                deck=deck,
            )
    finally:
        if told := deck.stop():
            print(f"sonickube: {plain(told)}", file=sys.stderr)


def demand_terminal(*, headless: bool) -> None:
    """Raises UserError when the console is to be opened and there is no terminal for it."""
    if not headless and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UserError("the console needs a terminal; without one, use --headless")


def conductor_for(
    settings: Settings, sound: Engine | None = None, *, clock: Callable[[], float] = time.monotonic
) -> Conductor:
    """The conductor that the settings ask for, or with another `sound` than theirs; health heals by the
    seconds of the `clock`.

    Raises UserError for theme, snippets and engine.
    """
    folders = snippet_folders(settings)
    theme = load_theme(settings.theme, theme_folders())
    with suppress(OSError):  # Without it, saving says why; a folder that is there can be watched.
        folders[-1].mkdir(parents=True, exist_ok=True)
    return Conductor(
        theme=theme,
        library=Library(folders),
        engine=sound or engine(settings),
        mixer=Mixer(dim_db=settings.dim_db),
        merger=Merger(settings.onsets_per_second, theme.window),
        voices=settings.voices,
        clock=clock,
    )


async def _with_its_mix(conductor: Conductor, stream: Stream, clusters: Sequence[str]) -> Stream:
    """The stream; when it has told which cluster it is, the mix kept for that cluster or for all `clusters`
    is set up.
    """
    known = False
    async for item in stream:
        if isinstance(item, Connection) and not known:
            conductor.mixer = load_mix(mix_file(clusters or (item.cluster,)), conductor.mixer.dim_db)
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


def sample_folders(settings: Settings) -> list[Path]:
    """Where the sound files of snippets are: beside them, in `samples/` there, and in the user's own folder.

    As with snippets, the user's come before the theme's. Raises UserError as `snippet_folders` does.
    """
    beside = [one for folder in reversed(snippet_folders(settings)) for one in (folder, folder / "samples")]
    return [*beside, config_folder() / "samples"]


def engine(settings: Settings, *, required: bool = False) -> Engine:
    """What makes the sound; with `required` its run ends with a UserError when no Sonic Pi answers.

    Raises UserError when the settings cannot be followed.
    """
    if settings.engine == "silent":
        return Silence("The sound is off, as the engine setting says.")
    if settings.engine == "builtin":
        if lack := missing():
            raise UserError("; ".join(lack))
        return BuiltIn(settings.audio, sample_folders(settings))
    played_by = sonic_pi(settings, required=required)
    if settings.engine == "auto" and not settings.sonic_pi and not required:
        return Fallback(played_by, BuiltIn(settings.audio, sample_folders(settings)))
    return played_by


def sonic_pi(settings: Settings, *, required: bool = False) -> SonicPi:
    """The Sonic Pi that the settings mean, as `engine` has it."""
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
            folder=sonic_pi_folder(),
            required=required or settings.engine in ("sonic-pi", "boot"),
        )
    )


def _installed(settings: Settings) -> Sequence[Installation]:
    app = Path(settings.sonic_pi_app).expanduser() if settings.sonic_pi_app else None
    found = installations(app)
    if settings.engine == "boot" and not found:
        raise UserError("no Sonic Pi is installed in the usual places; name its folder with --sonic-pi-app")
    return found
