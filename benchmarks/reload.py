"""How soon a snippet that is saved is in use."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from sonickube_tui.music.snippets import Library


async def _saves(folder: Path, times: int) -> list[float]:
    file, draft = folder / "ready.rb", folder / "ready.rb~"
    file.write_text("play 60")
    library = Library([folder])
    in_use = asyncio.Event()

    async def watch() -> None:
        async for _ in library.watch():
            in_use.set()

    watching = asyncio.create_task(watch())
    await asyncio.sleep(1.0)
    delays = []
    for number in range(times):
        in_use.clear()
        draft.write_text(f"play {number}")
        began = time.perf_counter()
        draft.replace(file)
        await in_use.wait()
        delays.append(time.perf_counter() - began)
        await asyncio.sleep(0.3)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return delays


def save_to_use(times: int = 20) -> list[float]:
    """Seconds from a save, as vim does it, until the library has the new text."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_saves(Path(folder), times))
