"""What Sonic Pi says on the port of its window, which is ours when we started it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import msgspec


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One thing said: `job` is the run it is about or None, `line` the snippet's line of an error, or 0."""

    text: str
    job: int | None = None
    error: bool = False
    line: int = 0


def read_log(address: str, args: list[Any]) -> Iterator[LogLine]:
    """The lines of one message; none for what is not meant for people, or is not of the form that 3.2.2 and
    4.5.1 send.
    """
    match address, args:
        case "/log/info", [_, str(text)] if not text.startswith(_OF_EVERY_RUN):
            yield LogLine(text.strip())
        case "/log/multi_message", [int(job), _, _, int(), *parts]:
            for text in parts[1::2]:
                yield LogLine(str(text).strip(), job)
        case "/error", [int(job), str(text), str(trace), int()]:
            said = html.unescape(text)
            found = re.search(r"^snippet:(\d+)", html.unescape(trace), re.MULTILINE)
            yield LogLine(_reason(said), job, True, int(found[1]) if found else 0)
        case "/syntax_error", [int(job), str(text), *_]:
            yield LogLine(_reason(html.unescape(text)), job, True)
        case "/exited-with-boot-error", [str(text)]:
            yield LogLine(text.strip(), error=True)


_OF_EVERY_RUN = (
    "Starting run ", "Completed run ", "Stopping run ", "Stopping Run ", "Aborted Run ", "All runs completed",
    "Defining fn ", "Redefining fn ",
)  # fmt: skip
"""What it says of every run alike, and we know better."""


def _reason(text: str) -> str:
    """An error's class, thread and message, without Sonic Pi's own place: that counts our wrapper's lines."""
    said = " ".join(re.sub(r"^\[.*?\]\s*(-\s*)?", "", text.strip()).split()).replace(
        " for Runtime:SonicPiLang", ""
    )
    died = re.fullmatch(r"(\S+) Thread death(?:!| \+--> :(\S+)) (.*)", said)
    return f"{died[1]} in {died[2] or 'a thread'}: {died[3]}" if died else said
