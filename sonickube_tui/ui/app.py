"""The console: panes around a conductor that plays in the same loop, drawn twenty times a second at most."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import Footer, Static

from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.base import PacketTooLarge, Said
from sonickube_tui.engine.bridge import MEANING
from sonickube_tui.entry import Entry, Heard, Listener, Notice
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Severity
from sonickube_tui.music.render import readable
from sonickube_tui.music.snippets import Change
from sonickube_tui.music.theme import Palette
from sonickube_tui.plain import plain
from sonickube_tui.recording import Deck
from sonickube_tui.replay import Replay
from sonickube_tui.signals import on_signals
from sonickube_tui.ui.actions import Pane, bindings
from sonickube_tui.ui.bars import HeaderBar, SenderBar
from sonickube_tui.ui.cells import Shared
from sonickube_tui.ui.dialogs import Line, Paper, Unsaved, help_text
from sonickube_tui.ui.events import EventLog, EventPane
from sonickube_tui.ui.in_turn import InTurn
from sonickube_tui.ui.look import Look, duration, screen_theme
from sonickube_tui.ui.mixer import MixerPanel
from sonickube_tui.ui.palette import Command, CommandPalette, Homes, commands
from sonickube_tui.ui.snippet import SnippetPane, Verdict, write
from sonickube_tui.ui.stage import Stage
from sonickube_tui.ui.timeline import Timeline

FRAME = 0.1
"""Seconds between two drawings of the log: what comes faster is drawn together."""

GLANCE = 0.2
"""Seconds between two drawings of meters and numbers, which nobody reads faster."""

SMALLEST = (80, 24)
"""Columns and rows below which the panes cannot be read."""

EXAMPLE = Event(
    at=0.0, cluster="example", namespace="example", pod="example-0", uid="example", kind=Kind.READY
)
"""What a snippet is played for before anything has happened."""

_SHOWN_AS: dict[Severity, Literal["information", "warning", "error"]] = {
    Severity.OK: "information",
    Severity.INFO: "information",
    Severity.WARNING: "warning",
    Severity.ERROR: "error",
    Severity.CRITICAL: "error",
}


class Console(InTurn, Listener):
    """The console on one conductor and one source.

    `save_to` is the folder of the user's own snippets; `keep_mix` keeps the mix on disk and may raise
    OSError. With a `replay` there is its timeline, with a `deck` the session can be recorded.
    """

    CSS_PATH = "console.tcss"
    TITLE = "SonicKube"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = bindings(Pane.ANYWHERE)
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (SMALLEST[0], "-narrow"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (SMALLEST[1], "-low"), (36, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        conductor: Conductor,
        source: AsyncIterator[Item],
        *,
        save_to: Path,
        keep_mix: Callable[[], None],
        light: bool = False,
        seconds: float | None = None,
        replay: Replay | None = None,
        deck: Deck | None = None,
    ) -> None:
        # NO_COLOR asks for no colour at all, and Textual's own answer is shades of grey.
        self._colour = "NO_COLOR" not in os.environ
        super().__init__(ansi_color=None if self._colour else True)
        self.conductor = conductor
        self.conductor.listener = self
        self.failure: UserError | None = None
        self._source = source
        self._save_to = save_to
        self._keep_mix = keep_mix
        self._replay = replay
        self._deck = deck
        self._mix_unkept = False
        self._seconds = seconds
        colours = conductor.theme.colours
        for name, palette in (("dark", colours.dark), ("light", colours.light)):
            self.register_theme(screen_theme(name, palette, dark=name == "dark"))
        self.theme = "light" if light else "dark"

    @property
    def _palette(self) -> Palette:
        colours = self.conductor.theme.colours
        return colours.light if self.theme == "light" else colours.dark

    @property
    def _look(self) -> Look:
        return Look(self._palette, colour=self._colour)

    def compose(self) -> ComposeResult:
        """Header, panes, sender, footer; or, in a small terminal, a word about that."""
        look = self._look
        self._header = HeaderBar(self.conductor, look, self._deck)
        self._events = EventPane(look)
        self._mixer = MixerPanel(self.conductor, look)
        self._snippet = SnippetPane(self.conductor.theme.name, self._palette)
        self._sender = SenderBar(self.conductor, look)
        self._timeline = self._replay and Timeline(self._replay, look, colour=self._colour)
        with self._stage():
            yield self._header
            if self._timeline:
                yield self._timeline
            with Container(id="panes"):
                with Vertical(id="left"):
                    yield self._events
                    yield self._mixer
                yield self._snippet
            yield self._sender
            yield Footer(show_command_palette=False, compact=True)
        yield Static(id="too-small")

    def _stage(self) -> Container:
        if self._replay and self._timeline:
            return Stage(self._replay, self._timeline, id="console")
        return Container(id="console")

    def on_mount(self) -> None:
        """Draw first; the cluster's client is imported and the source begins when the screen is there."""
        self._events.log_view.focus()
        if snippet := self.conductor.library.pick(self.conductor.theme, Kind.READY):
            self._snippet.open(snippet.name, snippet.text)
        self.set_interval(FRAME, self._events.flush)
        self.set_interval(GLANCE, self._glance)
        self.set_interval(1.0, self._tick)
        if self._seconds is not None:
            self.set_timer(self._seconds, self.exit)
        on_signals(self.exit, "SIGTERM", "SIGHUP")
        self.call_after_refresh(self.run_worker, self._play())

    async def _play(self) -> None:
        try:
            await self.conductor.run(self._source)
        except UserError as error:
            self.failure = error
        self.exit()

    def on_unmount(self) -> None:
        """The mix is kept to the last key."""
        self._tick()

    def on_resize(self) -> None:
        """Say what is missing when there is not enough room."""
        width, height = self.size
        least = "x".join(map(str, SMALLEST))
        self.query_one("#too-small", Static).update(f"SonicKube needs {least}; this is {width}x{height}")

    def _glance(self) -> None:
        self._mixer.flush()
        self._sender.flush()
        if self._timeline:
            self._timeline.flush()

    def _tick(self) -> None:
        self._header.tick()
        if self._mix_unkept:
            self._mix_unkept = False
            try:
                self._keep_mix()
            except OSError as error:
                self._say(Severity.WARNING, f"the mix cannot be kept: {error}")

    def _say(self, severity: Severity, text: str) -> None:
        self.notify(plain(text), severity=_SHOWN_AS[severity], markup=False)

    # What the conductor tells.

    def entry(self, entry: Entry) -> None:
        """An event, or a text that was played from the pane, is new or has changed."""
        self._sender.heed(entry)
        if entry.seq > 0:
            self._events.log_view.put(entry)
        if entry.snippet != self._snippet.file_name:
            return
        if entry.heard is Heard.FAILED and (entry.seq < 0 or not self._snippet.dirty):
            self._snippet.judge(Verdict(False, entry.problem, entry.line))
        elif entry.heard is Heard.STARTED and entry.seq < 0:
            self._snippet.judge(Verdict(True, f"heard after {duration(entry.after)}"))
        elif entry.heard is Heard.LOST and entry.seq < 0:
            self._snippet.judge(Verdict(False, entry.problem))

    def connection(self, connection: Connection) -> None:
        """The header tells how the source stands with its clusters."""
        self._header.refresh()
        self._events.log_view.shared = self._mixer.shared = Shared.of([*self.conductor.connections])

    def restored(self, first: int) -> None:
        """A session goes on elsewhere: the log begins anew."""
        self._events.log_view.clear(first)
        self._header.restart()

    def notice(self, notice: Notice) -> None:
        """Something to tell."""
        self._say(notice.severity, notice.text)
        status = self.conductor.engine.status
        if status.paste and notice.text == status.advice:
            self._show_paste(status.paste)

    def _show_paste(self, lines: str) -> None:
        title = "paste into an empty buffer of Sonic Pi, and run it there"
        self.push_screen(Paper(title, Text(f"{lines}\n{MEANING}"), lines))

    def said(self, said: Said) -> None:
        """A word of Sonic Pi's; `o` shows them all."""
        if said.error and said.voice is None:
            self._say(Severity.ERROR, said.text)

    def snippet_changed(self, change: Change) -> None:
        """A file was saved, here or elsewhere."""
        snippet = self.conductor.library.get(change.name)
        if change.ok and snippet and self._snippet.replaced(change.name, snippet.text):
            text = f"{change.name}.rb was changed on disk; your edit is kept, and Ctrl+S saves it instead"
            self._say(Severity.WARNING, text)
        else:
            self._say(Severity.OK if change.ok else Severity.ERROR, change.message)

    # What the panes ask for.

    def on_event_log_opened(self, message: EventLog.Opened) -> None:
        """Show the snippet that played an event."""
        entry = message.entry
        snippet = self.conductor.library.get(entry.snippet)
        if snippet is None:
            gone = f"{entry.snippet}.rb is gone" if entry.snippet else ""
            why = gone or f"the theme has no sound for {entry.event.kind.words}"
            self._say(Severity.WARNING, why)
            return
        self._show_snippet(snippet.name)
        if entry.heard is Heard.FAILED:
            self._snippet.judge(Verdict(False, entry.problem, entry.line))
            self._snippet.move_cursor((max(0, entry.line - 1), 0))

    def _show_snippet(self, name: str) -> None:
        if snippet := self.conductor.library.get(name):
            self._snippet.open(name, snippet.text)
            self._enter(self._snippet)

    def on_snippet_pane_left(self) -> None:
        """Back to the log."""
        self._enter(self._events.log_view)

    def on_mixer_panel_changed(self) -> None:
        """The mix is kept with the next second, and recorded at once."""
        self._mix_unkept = True
        self._mixed()

    def _mixed(self) -> None:
        if self._deck:
            self._deck.mixed()
        if self._replay:
            self._replay.mixed()

    def _enter(self, pane: Widget) -> None:
        # In a narrow terminal mixer and snippet share one place: the one last entered has it.
        panes = self.query_one("#panes")
        if pane in (self._mixer, self._snippet):
            panes.set_class(pane is self._snippet, "on-snippet")
        if pane.focusable:
            self.screen.set_focus(pane)  # At once: the next key is meant for it.
        else:
            pane.focus()

    # Actions of the whole console.

    def action_focus_next(self) -> None:
        """To the next pane."""
        self._step(1)

    def action_focus_previous(self) -> None:
        """To the pane before."""
        self._step(-1)

    def _step(self, step: int) -> None:
        if len(self.screen_stack) > 1:
            return
        panes: list[Widget] = [self._events.log_view, self._mixer, self._snippet]
        if self._timeline:
            panes.append(self._timeline)
        here = next((number for number, pane in enumerate(panes) if pane.has_focus), 0)
        self._enter(panes[(here + step) % len(panes)])

    def action_play(self) -> None:
        """Play the pane's text, saved or not, for the selected event."""
        pane, status = self._snippet, self.conductor.engine.status
        if not pane.file_name:
            self._say(Severity.WARNING, "there is no snippet to play: Enter on an event opens its snippet")
        elif not status.sounding:
            self._say(Severity.WARNING, status.advice)
        else:
            entry = self._events.log_view.selected
            try:
                self.conductor.audition(entry.event if entry else EXAMPLE, pane.file_name, pane.text)
            except (PacketTooLarge, OSError) as error:
                pane.judge(Verdict(False, str(error)))

    def action_save(self) -> None:
        """Save the pane's text among the user's own snippets."""
        pane = self._snippet
        if pane.file_name and pane.dirty:
            self._save({pane.file_name: pane.text})

    def _save(self, drafts: dict[str, str]) -> bool:
        """Save texts by name; whether all could be."""
        for name, text in drafts.items():
            try:
                file = write(self._save_to, name, text)
            except OSError as error:
                self._say(Severity.ERROR, f"{name}.rb cannot be saved in {self._save_to}: {error.strerror}")
                return False
            self._snippet.saved(name, text)
            self._say(Severity.OK, f"saved {file}")
        return True

    def action_stop_sound(self) -> None:
        """Silence all that sounds."""
        self.conductor.stop_sound()
        self._say(Severity.OK, "all sound stopped")

    def action_packet(self) -> None:
        """Show the last packet with its data unpacked."""
        packet = self.conductor.engine.last_packet
        if packet is None:
            self._say(Severity.INFO, "nothing was sent yet")
        else:
            title = f"last packet: {packet.address}, {packet.size:,} bytes"
            self.push_screen(Paper(title, Text("\n".join(map(plain, readable(packet.code).splitlines())))))

    def action_engine_log(self) -> None:
        """Show what Sonic Pi said last, where we can hear it; or what it needs to be given first."""
        if paste := self.conductor.engine.status.paste:
            self._show_paste(paste)
            return
        lines = [
            Text(plain(said.text), self._look.severity[Severity.ERROR] if said.error else "")
            for said in self.conductor.log
        ]
        nothing = Text(
            "Nothing yet. What snippets print is heard from the built-in player, and from a Sonic Pi that "
            "the console has started."
        )
        self.push_screen(Paper("what Sonic Pi said", Text("\n").join(lines) if lines else nothing))

    def action_dim(self) -> None:
        """Lower all but what is critical, or raise it again."""
        self.conductor.dim()
        self._mixed()

    def action_record(self) -> None:
        """Record the session, or end the recording."""
        if self._deck:
            self.run_worker(self._deck.toggle(), group="record")

    def action_mark(self) -> None:
        """Ask for a word on what happens now, and set a mark in the recording."""
        if self._deck and self._deck.recording:
            self.push_screen(Line("mark", "a word on this moment, or nothing", str), self._deck.mark)
        else:
            self._say(Severity.WARNING, "nothing is recorded: r begins a recording")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is replayed is recorded already."""
        return self._deck is not None or action not in ("record", "mark")

    def action_light(self) -> None:
        """Change between the palettes for dark and bright rooms."""
        self.theme = "dark" if self.theme == "light" else "light"
        look = self._look
        for part in (self._header, self._timeline, self._events.log_view, self._mixer, self._sender):
            if part:
                part.look = look
                part.refresh()
        self._snippet.dress(self._palette)

    def action_help(self) -> None:
        """All keys."""
        text = help_text(self._homes, self._look, lambda action: self.check_action(action.name, ()))
        self.push_screen(Paper("help", text))

    async def action_quit(self) -> None:
        """Quit, unless there is work to lose."""
        drafts = self._snippet.drafts
        if not drafts:
            self.exit()
        elif not isinstance(self.screen, Unsaved):
            self.push_screen(Unsaved(sorted(drafts), self._look), self._quit_answered)

    def _quit_answered(self, answer: str | None) -> None:
        if answer == "discard" or (answer == "save" and self._save(self._snippet.drafts)):
            self.exit()

    @property
    def _homes(self) -> Homes:
        """The widgets whose actions there are, in the order of the help."""
        homes: dict[Pane, Widget | App[None]] = {Pane.ANYWHERE: self}
        if self._timeline:
            homes |= {Pane.REPLAY: self.query_one(Stage), Pane.TIMELINE: self._timeline}
        return homes | {
            Pane.EVENTS: self._events.log_view,
            Pane.MIXER: self._mixer,
            Pane.SNIPPET: self._snippet,
        }

    def action_command_palette(self) -> None:
        """Ask for a command, and run it."""
        there = commands(self, self._homes, self.conductor.library.names, self._show_snippet)
        self.push_screen(CommandPalette(there, self._look), self._run_command)

    async def _run_command(self, command: Command | None) -> None:
        if command and (running := command.run()):
            await running


def run(
    conductor: Conductor,
    source: AsyncIterator[Item],
    *,
    save_to: Path,
    keep_mix: Callable[[], None],
    light: bool = False,
    seconds: float | None = None,
    replay: Replay | None = None,
    deck: Deck | None = None,
) -> None:
    """Open the console until the user, the source or the time ends it. Raises what the source says is for
    the user to mend, as UserError, once the terminal is itself again.
    """
    console = Console(
        conductor,
        source,
        save_to=save_to,
        keep_mix=keep_mix,
        light=light,
        seconds=seconds,
        replay=replay,
        deck=deck,
    )
    console.run()
    if console.failure:
        raise console.failure
