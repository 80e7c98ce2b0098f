"""The lines of a session file, as docs/session-format.md tells them: one JSON object each, named by `is`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event
from sonickube_tui.music.mixer import Channel

FORMAT = 1
"""The format that is written and read. What is only added keeps the number: unknown lines and fields are
passed over."""

LINE_LIMIT = 16 * 2**20
"""Bytes that one line may have; a pod has some thousand."""

DIGITS = 6
"""Digits of a second that `t` has."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", omit_defaults=True, gc=False):
    """What all lines share: `t` is seconds since the beginning of the file, by a monotonic clock."""

    t: Seconds = 0.0


class Header(_Line, frozen=True, kw_only=True, tag="header"):
    """The first line: `at` is the Unix time at t 0, `version` that of the program that wrote it."""

    format: int
    at: Seconds
    version: str = ""
    theme: str = ""
    clusters: tuple[str, ...] = ()


class PodLine(_Line, frozen=True, kw_only=True, tag="pod"):
    """A pod as a source saw it: an `event.Sight` whose pod is the API server's JSON, as far as it is kept."""

    at: Seconds
    cluster: str
    change: Literal["LISTED", "ADDED", "MODIFIED", "DELETED"]
    pod: msgspec.Raw


class EventLine(_Line, frozen=True, kw_only=True, tag="event"):
    """What was told of a pod, by the rules of that time."""

    event: Event


class ConnectionLine(_Line, frozen=True, kw_only=True, tag="connection"):
    """How the source stood with its cluster."""

    connection: Connection


class MarkLine(_Line, frozen=True, kw_only=True, tag="mark"):
    """A mark that the user set, at Unix time `at`."""

    at: Seconds = 0.0
    text: str


class MixLine(_Line, frozen=True, kw_only=True, tag="mix"):
    """The whole mix, as it was from here on."""

    at: Seconds = 0.0
    channels: tuple[Channel, ...]
    dimmed: bool = False


class SnippetLine(_Line, frozen=True, kw_only=True, tag="snippet"):
    """The text that a snippet had from here on."""

    at: Seconds = 0.0
    name: str
    text: str


class ThemeLine(_Line, frozen=True, kw_only=True, tag="theme"):
    """The theme that was chosen from here on."""

    at: Seconds = 0.0
    name: str


class GapLine(_Line, frozen=True, kw_only=True, tag="gap"):
    """So many lines before this one are missing: `problem` says why they could not be written."""

    at: Seconds = 0.0
    lost: int
    problem: str


Line = Header | PodLine | EventLine | ConnectionLine | MarkLine | MixLine | SnippetLine | ThemeLine | GapLine


class _Anything(msgspec.Struct, gc=False):
    """As much of a line as tells what it is, whatever else it holds."""

    is_: str = msgspec.field(name="is")
    format: int | None = None


KINDS = frozenset(("header", "pod", "event", "connection", "mark", "mix", "snippet", "theme", "gap"))
"""What `is` can be."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode
_decode_anything = msgspec.json.Decoder(_Anything).decode


class UnknownLine(ValueError):
    """A line of a kind that a later program has added; its text is the kind."""


def encode(line: Line) -> bytes:
    """The line as it stands in a file, with its end."""
    return _encode(line) + b"\n"


def decode(data: bytes) -> Line:
    """Read one line.

    Raises UserError for the header of another format, UnknownLine for a line that may be good to a later
    program, and else ValueError whose text is why it is no line.
    """
    try:
        line: Line = _decode(data)
        if isinstance(line, Header) and line.format != FORMAT:
            raise _other_format(line.format)
        return line
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise _explained(data, error) from None
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def _explained(data: bytes, error: msgspec.ValidationError) -> Exception:
    try:
        seen = _decode_anything(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ValueError(str(error))
    if seen.is_ == "header" and seen.format not in (None, FORMAT):
        return _other_format(seen.format)
    if seen.is_ not in KINDS:
        return UnknownLine(seen.is_[:40])
    return ValueError(str(error))


def _other_format(number: int | None) -> UserError:
    return UserError(
        f"it is a session of format {number}, and this program reads format {FORMAT}: use a sonickube that "
        "is as new as the one that wrote it"
    )
