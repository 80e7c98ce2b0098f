"""The one door for text that leaves us: what others say must not steer a terminal or fool its reader."""

from __future__ import annotations

LONGEST = 1_000
"""Characters of one thing that an engine says; a datagram could bring sixty thousand."""


def plain(text: str) -> str:
    """One line, without what a terminal obeys, what is invisible, and what turns the order of reading."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def plain_lines(text: str) -> str:
    """The same in as many lines as it has."""
    return "\n".join(map(plain, text.split("\n")))


def cut(text: str, longest: int = LONGEST) -> str:
    """No more than so many characters, and an ellipsis for the others."""
    return text if len(text) <= longest else f"{text[:longest]}…"
