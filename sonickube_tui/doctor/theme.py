"""Whether theme and snippets are whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sonickube_tui.doctor.check import Check, State, some, told
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import load_theme, themes


def check_theme(name: str, folders: Sequence[Path], library: Library) -> Check:
    """That it loads, and that each kind of event has the sound that it names."""
    try:
        theme = load_theme(name, folders)
    except UserError as error:
        return told("theme", error)
    file = themes(folders)[name]
    lines = file.read_text("utf-8").splitlines()
    sounding = [kind for kind in Kind if theme.candidates(kind)]
    problems, state = [], State.WARNING
    for kind in sounding:
        wanted = theme.candidates(kind)[0]
        if library.get(wanted) is None:
            entry = re.compile(rf"\s*{kind if kind in theme.snippets else kind.severity}\s*=.*\b{wanted}\b")
            line = next((number for number, text in enumerate(lines, 1) if entry.match(text)), 0)
            other = library.pick(theme, kind)
            becomes = f"sounds as {other.name}" if other else "is silent"
            problems.append(f"line {line}: {kind} {becomes} without {wanted}.rb")
            state = state if other else State.FAILED
    if problems:
        advice = "write what is missing, mend what is broken, or name other snippets"
        return Check("theme", state, f"{file}, {some(problems)}", advice)
    return Check("theme", State.OK, f"{name}: {len(sounding)} of {len(Kind)} kinds of events have a sound")


def check_snippets(library: Library) -> list[Check]:
    """That all files are Ruby."""
    advice = "mend that line, or delete the file"
    broken = [Check("snippets", State.WARNING, problem.message, advice) for problem in library.problems]
    return broken or [Check("snippets", State.OK, f"{len(library.names)} files, all of them Ruby")]
