"""Makes the README's picture: the real console on the demo's cluster, on a real Sonic Pi if there is one."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from sonic_pi import SonicPiServer, missing
from sonickube_tui import assemble, settings
from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.base import Engine, Silence
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import load_theme
from sonickube_tui.ui.app import Console

ROOT = Path(__file__).parent.parent

SIZE = (140, 40)
STORY = 13.0
"""Seconds: by then the demo has shown what it has."""


async def paint(engine: Engine) -> str:
    """The console as SVG, a few moments into an incident, with a channel soloed and a snippet open."""
    chosen = settings.Settings()
    conductor = Conductor(
        theme=load_theme("classic", assemble.theme_folders()),
        library=Library([settings.shipped("snippets") / "classic"]),
        engine=engine,
    )
    console = Console(
        conductor,
        assemble.simulation(chosen, "incident", 1),
        save_to=Path(tempfile.gettempdir()),
        keep_mix=lambda: None,
    )
    async with console.run_test(size=SIZE) as pilot:
        await asyncio.sleep(STORY)
        await pilot.press("/", *"crash loop", "enter", "enter", "escape", "escape", "tab", "j", "h", "h", "h")
        await pilot.press("shift+tab")
        console.clear_notifications()
        await pilot.pause(0.2)
        return console.export_screenshot(title="sonickube demo")


def main() -> None:
    """Write docs/console.svg."""
    with ExitStack() as stack:
        lack = missing()
        if lack:
            print(f"{lack}; the picture is of a silent console", file=sys.stderr)
            engine: Engine = Silence("The sound is off.")
        else:
            engine = SonicPi(Ways(named=stack.enter_context(SonicPiServer()).address))
        svg = asyncio.run(paint(engine))
    # Fonts from elsewhere would make a reader's browser ask for them; any monospaced one will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace")
    (ROOT / "docs" / "console.svg").write_text(svg)


if __name__ == "__main__":
    main()
