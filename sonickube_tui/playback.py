"""Puts the parts of a replay together: to a playing console, to lines, or to a sound file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sonickube_tui import assemble
from sonickube_tui.bounce.file import Bounced, Excerpt, check_target
from sonickube_tui.bounce.file import bounce as write_sound
from sonickube_tui.bounce.live import record
from sonickube_tui.cluster.again import Again
from sonickube_tui.engine.address import parse_address
from sonickube_tui.engine.builtin.parts import missing
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import load_theme, themes
from sonickube_tui.replay import Replay
from sonickube_tui.session.opening import Opened, open_session
from sonickube_tui.session.player import Player
from sonickube_tui.session.tools import Check, check
from sonickube_tui.session.when import moment, region
from sonickube_tui.settings import Settings
from sonickube_tui.state import load_mix, mix_file

_T = TypeVar("_T")

GLANCE = 0.02
"""Seconds between two looks at how much of the session can be played."""


class Wishes(msgspec.Struct, frozen=True):
    """How a session is to be played.

    `start` and `loop` are as people type them, `speed` is from 0.1 to 100. With `its_theme` it is heard in
    the theme of the recording, if that is installed. With `own_mix` the mix is the one kept for the cluster,
    and with `its_snippets` the recorded snippets are played, which are code of whoever recorded it.
    `derive` tells the events anew, by what was recorded of the pods.
    """

    start: str = ""
    loop: str = ""
    speed: float = 1.0
    its_theme: bool = True
    own_mix: bool = False
    its_snippets: bool = False
    derive: bool = False


def play(
    paths: Sequence[Path], settings: Settings, wishes: Wishes, *, headless: bool, seconds: float | None
) -> None:
    """Open the console on a session, or print it, until the user or the time ends it; headless, its end.

    Raises UserError for all that the user can mend.
    """
    assemble.demand_terminal(headless=headless)
    with open_session(paths, deriving=Again, fresh=wishes.derive, follow=not headless) as session:
        settings = _with_its_theme(session, settings, wishes)
        player = Player(session, ends=headless)
        player.set_speed(wishes.speed)
        if wishes.loop:
            begin, end = _moments(session, wishes.loop, region)
            player.set_loop(begin, end)
            player.seek(begin)
        if wishes.start:
            player.seek(_moments(session, wishes.start, moment))
        conductor = assemble.conductor_for(settings, clock=lambda: player.now)
        if wishes.own_mix and session.index.clusters:
            conductor.mixer = load_mix(mix_file(session.index.clusters), settings.dim_db)
        replay = Replay(
            player,
            conductor,
            own_mix=wishes.own_mix,
            its_snippets=wishes.its_snippets,
            context=not headless,
        )
        if headless:
            from sonickube_tui import headless as without_screen

            asyncio.run(without_screen.run(conductor, replay.items(), seconds))
        else:
            from sonickube_tui.ui import app

            app.run(
                conductor,
                replay.items(),
                save_to=conductor.library.folders[-1],
                keep_mix=lambda: None,
                light=settings.light,
                seconds=seconds,
                replay=replay,
            )


def bounce(
    paths: Sequence[Path],
    file: Path,
    settings: Settings,
    wishes: Wishes,
    *,
    end: str,
    only: Sequence[str],
    bits: int,
    on_sonic_pi: bool = False,
) -> Bounced:
    """Write a session, from the start that is wished for to the moment `end`, into a sound file.

    The built-in player works it out, or a Sonic Pi that runs or is installed plays and records it.
    Raises UserError for all that the user can mend.
    """
    check_target(file)
    if lack := _cannot_record(settings) if on_sonic_pi else "; ".join(missing()):
        raise UserError(lack)
    with open_session(paths, deriving=Again, fresh=wishes.derive, follow=False) as session:
        settings = _with_its_theme(session, settings, wishes)
        theme = load_theme(settings.theme, assemble.theme_folders())
        session.wait()
        excerpt = Excerpt(
            begin=_moments(session, wishes.start, moment) if wishes.start else 0.0,
            end=_moments(session, end, moment) if end else session.index.end,
            speed=wishes.speed,
            only=only,
        )
        if excerpt.end <= excerpt.begin:
            raise UserError("there is nothing to bounce: the end is not after the beginning")
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True)
        ) as bar:
            task = bar.add_task(file.name, total=excerpt.seconds)

            def progress(seconds: float) -> None:
                bar.update(task, completed=seconds)

            if on_sonic_pi:
                return _record(session, excerpt, file, settings, bits, progress)
            return write_sound(
                session,
                excerpt,
                file,
                theme=theme,
                library=Library(assemble.snippet_folders(settings)),
                samples=assemble.sample_folders(settings),
                merger=Merger(settings.onsets_per_second, theme.window),
                dim_db=settings.dim_db,
                bits=bits,
                progress=progress,
            )


def _cannot_record(settings: Settings) -> str:
    """Why Sonic Pi cannot make a sound file for us; empty when nothing is known that forbids it."""
    if settings.sonic_pi and not parse_address(settings.sonic_pi).loopback:
        return (
            "Sonic Pi records into a file where it runs: with --engine sonic-pi, it must be on this machine"
        )
    if find_spec("soundfile") is None:
        return "Python's soundfile is not installed: pip install 'sonickube-tui[sound]'"
    return ""


def _record(
    session: Opened,
    excerpt: Excerpt,
    file: Path,
    settings: Settings,
    bits: int,
    progress: Callable[[float], None],
) -> Bounced:
    player = Player(session, ends=True)
    player.set_speed(excerpt.speed)
    player.seek(excerpt.begin)
    # No other one steps in for it: that would not be recorded.
    sonic_pi = assemble.sonic_pi(msgspec.structs.replace(settings, engine="auto"), required=True)
    conductor = assemble.conductor_for(settings, sonic_pi, clock=lambda: player.now)
    replay = Replay(player, conductor, context=False)
    return record(replay, sonic_pi, excerpt, file, bits=bits, progress=progress)


def would_play(paths: Sequence[Path], settings: Settings, wishes: Wishes) -> Check:
    """What a session would sound like, without a sound. Raises UserError."""
    with open_session(paths, deriving=Again, fresh=wishes.derive, follow=False) as session:
        session.wait()
        if session.problem and not session.index.lines:
            raise UserError(session.problem)
        settings = _with_its_theme(session, settings, wishes)
        theme = load_theme(settings.theme, assemble.theme_folders())
        library = Library(assemble.snippet_folders(settings))

        def snippet(kind: Kind) -> str | None:
            picked = library.pick(theme, kind)
            return picked.name if picked else None if theme.candidates(kind) else ""

        return check(session.lines(), snippet)


def _with_its_theme(session: Opened, settings: Settings, wishes: Wishes) -> Settings:
    """The settings with the theme of the recording, if that is wished for and installed.

    Raises UserError when nothing can be read from the session.
    """
    index = session.index
    while index.header is None and not session.caught_up:
        time.sleep(GLANCE)
    if session.problem and not index.lines:
        raise UserError(session.problem)
    theme = index.header.theme if index.header else ""
    if wishes.its_theme and theme in themes(assemble.theme_folders()):
        return msgspec.structs.replace(settings, theme=theme)
    return settings


def _moments(session: Opened, text: str, read: Callable[..., _T]) -> _T:
    """What `read` makes of a text, once so much of the session is known. Raises UserError."""
    while True:
        whole = session.caught_up
        try:
            if whole or "%" not in text:
                began = session.index.header.at if session.index.header else 0.0
                return read(text, began=began, duration=session.index.end)
        except UserError:
            if whole:
                raise
        time.sleep(GLANCE)
