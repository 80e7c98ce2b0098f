"""A theme's palette as the styles of the screen."""

from __future__ import annotations

from rich.style import Style
from textual.color import Color
from textual.theme import Theme as ScreenTheme
from textual.widgets.text_area import TextAreaTheme

from sonickube_tui.entry import Entry, Fate, Heard
from sonickube_tui.event import Severity
from sonickube_tui.music.theme import Palette

MARKS = {
    Severity.OK: "○",
    Severity.INFO: "·",
    Severity.WARNING: "△",
    Severity.ERROR: "▲",
    Severity.CRITICAL: "◆",
}
"""A sign for each severity, for screens and eyes without colour."""


class Look:
    """The styles that rows are drawn with. Without `colour` it is bold, dim and reverse that tell."""

    def __init__(self, palette: Palette, *, colour: bool) -> None:
        self.plain = Style(color=palette.foreground)
        self.quiet = Style(color=palette.dim, dim=not colour)
        self.strong = Style(color=palette.foreground, bold=True)
        self.accent = Style(color=palette.accent, bold=True)
        self.severity = {
            Severity.OK: Style(color=palette.ok),
            Severity.INFO: Style(color=palette.info),
            Severity.WARNING: Style(color=palette.warning),
            Severity.ERROR: Style(color=palette.error, bold=True),
            Severity.CRITICAL: Style(color=palette.critical, bold=True),
        }
        self.sounding = self.severity[Severity.OK]
        shade = Color.parse(palette.background).blend(Color.parse(palette.accent), 0.22)
        self.cursor = Style(bgcolor=shade.rich_color) if colour else Style(reverse=True)
        self.resting_cursor = (
            Style(bgcolor=Color.parse(palette.background).blend(Color.parse(palette.dim), 0.25).rich_color)
            if colour
            else Style(underline=True)
        )

    def health(self, health: float) -> Style:
        """The style of a health from 0 to 1."""
        steps = ((0.9, Severity.OK), (0.7, Severity.INFO), (0.5, Severity.WARNING), (0.3, Severity.ERROR))
        return self.severity[next((s for floor, s in steps if health >= floor), Severity.CRITICAL)]

    def outcome(self, entry: Entry) -> tuple[str, Style]:
        """What became of an event in at most eight cells, and its style."""
        match entry.heard:
            case Heard.FAILED:
                return f"✗ line {entry.line}" if entry.line else "✗ failed", self.severity[Severity.ERROR]
            case Heard.LOST:
                return "? lost", self.severity[Severity.WARNING]
            case Heard.STOPPED:
                return "■ cut", self.quiet
            case Heard.STARTED | Heard.DONE:
                return f"♪ {duration(entry.after)}", self.sounding
        match entry.fate:
            case Fate.WAITING:
                return "…", self.quiet
            case Fate.SENT:
                return "♪ …", self.sounding
            case Fate.DROPPED:
                return "dropped", self.severity[Severity.WARNING]
            case Fate.UNMAPPED:
                return "no sound", self.quiet
        return entry.fate.value, self.quiet


def duration(seconds: float) -> str:
    """A short time for people: `4 ms`, `1.2 s`."""
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def screen_theme(name: str, palette: Palette, *, dark: bool) -> ScreenTheme:
    """The palette for Textual's own widgets."""
    return ScreenTheme(
        name=name,
        primary=palette.accent,
        secondary=palette.info,
        accent=palette.accent,
        success=palette.ok,
        warning=palette.warning,
        error=palette.error,
        foreground=palette.foreground,
        background=palette.background,
        surface=palette.background,
        panel=palette.surface,
        dark=dark,
        variables={
            "dim": palette.dim,
            "footer-background": palette.background,
            "footer-key-foreground": palette.accent,
            "footer-description-foreground": palette.dim,
            "scrollbar": palette.surface,
            "scrollbar-background": palette.background,
            "scrollbar-corner-color": palette.background,
            "scrollbar-hover": palette.dim,
            "scrollbar-active": palette.accent,
        },
    )


def ruby_theme(palette: Palette) -> TextAreaTheme:
    """Colours of Ruby, by the names of its grammar's own highlighting query."""
    quiet, accent = Style(color=palette.dim), Style(color=palette.accent)
    call, symbol = Style(color=palette.info), Style(color=palette.warning)
    text, number = Style(color=palette.ok), Style(color=palette.error)
    return TextAreaTheme(
        name="ruby",
        syntax_styles={
            "comment": Style(color=palette.dim, italic=True),
            "keyword": accent,
            "function.method": call,
            "function.method.builtin": call,
            "string": text,
            "string.special.symbol": symbol,
            "string.special.regex": text,
            "escape": symbol,
            "number": number,
            "constant.builtin": number,
            "constant": symbol,
            "constructor": symbol,
            "property": symbol,
            "operator": quiet,
            "punctuation.delimiter": quiet,
            "punctuation.bracket": quiet,
            "punctuation.special": accent,
        },
    )
