"""The snippet pane: Ruby to read, to change, to hear and to keep."""

from __future__ import annotations

from pathlib import Path

import msgspec
import tree_sitter_ruby
from rich.text import Text
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from sonickube_tui.music.syntax import check, ruby
from sonickube_tui.music.theme import Palette
from sonickube_tui.plain import plain
from sonickube_tui.ui.actions import Pane, bindings
from sonickube_tui.ui.look import ruby_theme
from sonickube_tui.whole import write_whole

# Without a pass over local variables the grammar's query takes every bare word for a method.
_QUERY = tree_sitter_ruby.HIGHLIGHTS_QUERY.replace("((identifier) @function.method\n (#is-not? local))", "")


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What is to be said of the text: that it was heard, or what is wrong with it and at which line."""

    good: bool
    text: str
    line: int = 0


class SnippetPane(TextArea):
    """One snippet at a time; edits of the others are kept as drafts until they are saved."""

    BINDINGS = bindings(Pane.SNIPPET)

    class Left(Message):
        """The user wants to go back."""

    def __init__(self, theme_name: str, palette: Palette) -> None:
        super().__init__(
            id="snippet",
            classes="pane",
            show_line_numbers=True,
            soft_wrap=True,
            tab_behavior="focus",
            placeholder="Enter on an event opens the snippet that played it",
        )
        self.file_name = ""
        self._theme_name = theme_name
        self._kept = ""
        self._drafts: dict[str, str] = {}
        self._verdict: Verdict | None = None
        self.indent_width = 2
        self.register_language("ruby", ruby(), _QUERY)
        self.language = "ruby"
        self.dress(palette)

    def dress(self, palette: Palette) -> None:
        """Take on the colours of a palette."""
        self.register_theme(ruby_theme(palette))
        self.theme = "css"
        self.theme = "ruby"

    def on_mount(self) -> None:
        """The name in the border."""
        self._tell()

    @property
    def dirty(self) -> bool:
        """Whether the text is not what is kept."""
        return self.text != self._kept

    @property
    def drafts(self) -> dict[str, str]:
        """All texts that are not saved, by snippet."""
        return self._drafts | ({self.file_name: self.text} if self.dirty else {})

    def open(self, name: str, kept: str) -> None:
        """Show a snippet as it is in use, or its draft if there is one."""
        if name == self.file_name:
            return
        if self.dirty:
            self._drafts[self.file_name] = self.text
        self.file_name, self._kept = name, kept
        self.load_text(self._drafts.pop(name, kept))
        self.judge(None)

    def saved(self, name: str, text: str) -> None:
        """A text of a snippet is kept now."""
        self._drafts.pop(name, None)
        if name == self.file_name:
            self._kept = text
            self._tell()

    def replaced(self, name: str, text: str) -> bool:
        """Another text of a snippet is in use now; whether an edit was in the way of showing it."""
        if name != self.file_name:
            return name in self._drafts
        if text == self.text:
            self.saved(name, text)
            return False
        dirty, self._kept = self.dirty, text
        if not dirty:
            place = self.cursor_location
            self.load_text(text)
            self.move_cursor(place)
        self._tell()
        return dirty

    def judge(self, verdict: Verdict | None) -> None:
        """Say something of the text; None is for a text of which nothing is known yet."""
        self._verdict = verdict
        self.notify_style_update()
        self._tell()

    def on_text_area_changed(self) -> None:
        """What is typed is checked at once, and what was said of the old text is over."""
        problem = check(self.text) if self.text.strip() else None
        self.judge(Verdict(False, problem.message, problem.line) if problem else None)

    def _tell(self) -> None:
        dirty = Content.styled("  ● edited", "$warning") if self.dirty else Content("")
        name = f"{self.file_name}.rb · {self._theme_name}" if self.file_name else "snippet"
        self.border_title = Content(name) + dirty
        verdict = self._verdict
        if verdict is None:
            self.border_subtitle = ""
            return
        where = f"line {verdict.line}: " if verdict.line else ""
        sign, style = ("♪", "$success") if verdict.good else ("✗", "$error")
        self.border_subtitle = Content.styled(plain(f"{sign} {where}{verdict.text}"), style)

    def get_line(self, line_index: int) -> Text:
        """A line, underlined when the trouble is there; what is in a file must not steer the terminal."""
        line = super().get_line(line_index)
        line.plain = "\t".join(map(plain, line.plain.split("\t")))
        if self._verdict and self._verdict.line == line_index + 1:
            line.stylize("underline")
        return line

    def action_leave(self) -> None:
        """Back to where one came from."""
        self.post_message(self.Left())


def write(folder: Path, name: str, text: str) -> Path:
    """Save a snippet whole or not at all. Raises OSError."""
    file = folder / f"{name}.rb"
    write_whole(file, text.encode())
    return file
