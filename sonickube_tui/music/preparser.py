"""What Sonic Pi makes of a program's text before it is Ruby, and which texts it refuses.

`(ring, 1, 2)` and `(knit 1, 2, 3, 4,)` are no Ruby; Sonic Pi reads them as calls. The names of what gives
lists may not be variables. Both hold for the text as it stands, in strings and comments too (`preparser.rb`
and `docsystem.rb` of Sonic Pi 4.5.1).
"""

from __future__ import annotations

import re

LISTS = (
    "bools", "stretch", "knit", "spread", "range", "line", "halves", "doubles", "vector", "ring", "ramp",
    "octs", "midi_notes", "note_range", "scale", "chord_degree", "chord", "chord_invert",
    "sample_paths", "sample_names",
)  # fmt: skip
"""What gives a ring, a vector or a ramp by Sonic Pi's own documentation."""

# Ruby's `\s`, `\w` and `\W` are ASCII, its [[:space:]] is not.
_RULES = [
    (re.compile(rf"\(((?a:\s*))({name})([,\s]+)"), re.compile(rf"(?!\B)(?a:\W)?{name}(?a:\s*=[\s\w])"))
    for name in LISTS
]


class PreParseError(Exception):
    """A program that Sonic Pi refuses to read; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def preparse(text: str) -> str:
    """The program as Ruby, with every line where it was. Raises PreParseError."""
    for name, (call, assigned) in zip(LISTS, _RULES, strict=True):
        text = call.sub(_as_call, text)
        if found := assigned.search(text):
            line = text.count("\n", 0, text.index(name, found.start())) + 1
            raise PreParseError(
                f"You may not use the built-in fn names as variable names. You attempted to use: {name}",
                line,
            )
    return text


def _as_call(found: re.Match[str]) -> str:
    before, name, after = found.groups()
    # What stood between becomes blank, but a line that ended there still does.
    blank = "".join("\n" if sign == "\n" else " " for sign in after)
    return f" {before}{name}({blank.replace(' ', '', 1)}"
