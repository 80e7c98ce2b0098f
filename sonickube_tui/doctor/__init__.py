"""Looks at everything that the main job needs, and says what to do about what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from sonickube_tui.doctor import sound
from sonickube_tui.doctor.check import Check, State
from sonickube_tui.doctor.cluster import clusters
from sonickube_tui.doctor.terminal import printable, table, terminal
from sonickube_tui.doctor.theme import check_snippets, check_theme
from sonickube_tui.engine.address import parse_address
from sonickube_tui.engine.base import Engine
from sonickube_tui.music.snippets import Library
from sonickube_tui.settings import Settings
from sonickube_tui.signals import on_signals


def run(
    settings: Settings,
    make_engine: Callable[[], Engine],
    theme_folders: Sequence[Path],
    snippet_folders: Sequence[Path],
    *,
    as_json: bool,
) -> bool:
    """Make all checks and print them; whether the main job would work.

    Raises as `examine` does, and KeyboardInterrupt on SIGTERM, too.
    """
    try:
        checks = asyncio.run(_until_terminated(examine(settings, make_engine)))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    library = Library(snippet_folders)
    checks += [check_theme(settings.theme, theme_folders, library), *check_snippets(library), *terminal()]
    checks = [Check(one.name, one.state, printable(one.says), printable(one.advice)) for one in checks]
    failed = dict.fromkeys(check.name for check in checks if check.state is State.FAILED)
    if as_json:
        print(msgspec.json.encode({"works": not failed, "checks": checks}).decode())
    else:
        end = f"would not work: {', '.join(failed)}." if failed else "would work."
        Console().print(table(checks), Text(f"\nThe main job {end}"), sep="\n")
    return not failed


async def _until_terminated(examined: Coroutine[None, None, list[Check]]) -> list[Check]:
    """The same, which SIGTERM cancels: a Sonic Pi that was started for the test must not stay behind."""
    task = asyncio.current_task()
    assert task
    on_signals(task.cancel, "SIGTERM")
    return await examined


async def examine(settings: Settings, make_engine: Callable[[], Engine]) -> list[Check]:
    """Look at the cluster and at Sonic Pi, both at once.

    The engine's run must raise UserError when no Sonic Pi answers. Raises UserError when the address of
    Sonic Pi in the settings is malformed.
    """
    named = parse_address(settings.sonic_pi) if settings.sonic_pi else None
    if settings.engine == "silent":
        says = "skipped, like all that is about Sonic Pi: the engine setting is silent"
        return [*await clusters(settings), Check("test sound", State.WARNING, says)]
    if settings.engine == "builtin":
        cluster, played = await asyncio.gather(clusters(settings), sound.play(settings, make_engine))
        return [*cluster, sound.built_in(), played]
    cluster, found, played = await asyncio.gather(
        clusters(settings), sound.find(settings, named), sound.play(settings, make_engine)
    )
    built_in = sound.built_in()
    instead = settings.engine == "auto" and not named and built_in.state is State.OK
    if played.state is State.FAILED and instead:
        played = msgspec.structs.replace(
            played, state=State.WARNING, advice="the built-in player plays instead"
        )
    return [*cluster, *found, sound.installed(settings), built_in, played]
