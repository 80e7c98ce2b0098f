"""What the terminal sends, in turn: what is typed behind a key is meant for what that key opens."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from textual.app import App
from textual.dom import DOMNode
from textual.events import AppBlur, AppFocus, Event, InputEvent, Key, MouseUp, Paste

PATIENCE = 5.0
"""Seconds after which what does not come to an end holds up no key any more: one can always quit."""


class InTurn(App[None]):
    """An app that takes a key, or a click, when all that the one before it did is done.

    Textual gives a key to what has the focus when it comes in, and looks for its binding when it has come up
    from there; the messages of an action, a screen and its focus come later still. All keys of one packet
    would go to where the first of them was typed, and leaving the window would take the focus from a key.
    """

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._waiting: asyncio.Queue[Event] = asyncio.Queue()

    def on_mount(self) -> None:
        """Begin; the handlers of a class that inherits from this one do not replace it."""
        self.run_worker(self._take(), group="input")

    async def on_event(self, event: Event) -> None:
        """Keep what comes from the terminal until its turn; all else is dealt with at once."""
        if isinstance(event, InputEvent | Paste | AppFocus | AppBlur) and not event.is_forwarded:
            self._waiting.put_nowait(event)
        else:
            await super().on_event(event)

    async def _take(self) -> None:
        while True:
            event = await self._waiting.get()
            await super().on_event(event)
            if isinstance(event, Key | Paste | MouseUp):
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await self._settle()

    async def _settle(self) -> None:
        """Wait until a key has come up and its action was run, and until what that asked for is there."""
        await self._dealt_with(self.focused or self.screen)
        place = None
        while place != (place := (self.screen, self.focused)):
            await self._dealt_with(self.focused or self.screen)

    async def _dealt_with(self, node: DOMNode) -> None:
        """Wait until a node, and after it each one above it, has dealt with what it had been sent.

        What a node is sent comes up to its parent when the node itself is done with it.
        """
        for pump in node.ancestors_with_self:
            done = asyncio.Event()
            if pump.call_later(done.set):  # One that is being closed takes nothing more.
                await done.wait()
