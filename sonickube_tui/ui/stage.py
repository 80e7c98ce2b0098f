"""What a session is replayed on: the console's panes, and the keys of the transport for all of them."""

from __future__ import annotations

from collections.abc import Awaitable

from textual.containers import Container

from sonickube_tui.errors import UserError
from sonickube_tui.plain import plain
from sonickube_tui.replay import Replay
from sonickube_tui.session.when import MOMENTS, moment
from sonickube_tui.ui.actions import Pane, bindings
from sonickube_tui.ui.dialogs import Line
from sonickube_tui.ui.timeline import Timeline


class Stage(Container):
    """The keys work in every pane, but where typing is taken for text."""

    BINDINGS = bindings(Pane.REPLAY)

    def __init__(self, replay: Replay, timeline: Timeline, *, id: str) -> None:
        super().__init__(id=id)
        self._replay = replay
        self._player = replay.player
        self._timeline = timeline

    def action_pause(self) -> None:
        """Pause, or play on."""
        self._player.toggle()
        self._timeline.flush()

    def action_speed(self, steps: int) -> None:
        """Faster or slower."""
        self._player.step_speed(steps)
        self._timeline.flush()

    def action_next_error(self) -> None:
        """To the next error or critical event."""
        self._look_for(self._player.to_event(forward=True), "no error after this")

    def action_previous_error(self) -> None:
        """To the error or critical event before."""
        self._look_for(self._player.to_event(forward=False), "no error before this")

    def _look_for(self, search: Awaitable[bool], otherwise: str) -> None:
        async def look() -> None:
            try:
                found = await search
            except (OSError, UserError) as error:
                self._say(f"the session cannot be read: {error}")
            else:
                self._went(found, otherwise)

        # A press of the key ends the search of the one before.
        self.run_worker(look(), exclusive=True, group="search")

    def action_next_mark(self) -> None:
        """To the next mark."""
        self._went(self._player.to_mark(forward=True), "no mark after this")

    def action_previous_mark(self) -> None:
        """To the mark before."""
        self._went(self._player.to_mark(forward=False), "no mark before this")

    def _went(self, found: bool, otherwise: str) -> None:
        if found:
            self._timeline.flush()
        else:
            self._say(otherwise)

    def action_go_to(self) -> None:
        """Ask for a time and go there."""
        self.app.push_screen(Line("go to", MOMENTS, self._moment), self._go_to)

    def _moment(self, text: str) -> float:
        player = self._player
        return moment(text, began=player.began, duration=player.duration, here=player.position)

    def _go_to(self, text: str | None) -> None:
        if text is not None:
            self._player.seek(self._moment(text))
            self._timeline.flush()

    def action_loop_from(self) -> None:
        """Begin a loop here."""
        self._player.begin_loop()
        self._timeline.flush()

    def action_loop_to(self) -> None:
        """End the loop here, and repeat it."""
        try:
            self._player.end_loop()
        except UserError as error:
            self._say(str(error))
        self._timeline.flush()

    def action_clear_loop(self) -> None:
        """No loop any more."""
        self._player.set_loop(None, None)
        self._timeline.flush()

    def action_follow_mix(self) -> None:
        """Back to the recorded mix."""
        self._replay.follow_mix()
        self._timeline.flush()

    def _say(self, text: str) -> None:
        self.notify(plain(text), severity="warning", markup=False)
