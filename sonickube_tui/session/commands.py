"""`sonickube session`: what can be done with recordings on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.plain import plain
from sonickube_tui.session.deriving import Deriving
from sonickube_tui.session.opening import Opened, open_session
from sonickube_tui.session.redact import Redactor
from sonickube_tui.session.tools import Check, Info, encoded, info, to_kubectl, trimmed, write
from sonickube_tui.session.when import MOMENTS, clock, moment

_FILE = click.Path(path_type=Path, allow_dash=True)


def group(deriving: Deriving) -> click.Group:
    """The commands; `deriving` tells the events of what others than we have recorded."""

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    def session() -> None:
        """Look at recordings, cut them, put them together, take the names out.

        FILE is a recording, also compressed (.gz, .zst), or what kubectl get pods -w -o json wrote; - is
        stdin. OUT is a new file, compressed by its name; - is stdout.
        """

    @session.command("info")
    @click.argument("file", type=_FILE)
    @click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
    def info_(file: Path, as_json: bool) -> None:
        """Say what a recording holds, and which of its lines are bad."""
        with _read([file], deriving) as opened:
            told = info(opened)
        if as_json:
            click.echo(msgspec.json.encode(told))
        else:
            click.echo("\n".join(describe(told)))

    @session.command()
    @click.argument("file", type=_FILE)
    @click.argument("out", type=_FILE)
    @click.option("--from", "start", metavar="WHEN", default="0%", help=f"{MOMENTS}. Default: its beginning.")
    @click.option("--to", "end", metavar="WHEN", default="100%", help="Default: its end.")
    def trim(file: Path, out: Path, start: str, end: str) -> None:
        """Cut a piece out of a recording, with the mix and the pods as they were where it begins."""
        with _read([file], deriving) as opened:
            index = opened.index
            began = index.header.at if index.header else 0.0
            first, last = (moment(text, began=began, duration=index.end) for text in (start, end))
            _written(write(encoded(trimmed(opened, first, last)), out), out, opened)

    @session.command()
    @click.argument("files", type=_FILE, nargs=-1, required=True)
    @click.argument("out", type=_FILE)
    def merge(files: tuple[Path, ...], out: Path) -> None:
        """Put several recordings together by wall time; of several clusters, too."""
        with _read(files, deriving) as opened:
            _written(write(encoded(opened.lines()), out), out, opened)

    @session.command()
    @click.argument("file", type=_FILE)
    @click.argument("out", type=_FILE)
    def redact(file: Path, out: Path) -> None:
        """Replace all names by aliases, and leave out messages, marks' texts and snippets."""
        with _read([file], deriving) as opened:
            _written(write(encoded(Redactor().lines(opened.lines())), out), out, opened)

    @session.command()
    @click.argument("file", type=_FILE)
    @click.argument("out", type=_FILE)
    @click.option(
        "--to",
        "target",
        type=click.Choice(["session", "kubectl"]),
        default="session",
        show_default=True,
        help="session: a recording; kubectl: what kubectl get pods -w -o json writes, for --stdin.",
    )
    @click.option("--derive-again", is_flag=True, help="Tell a recording's events by the rules of today.")
    def convert(file: Path, out: Path, target: str, derive_again: bool) -> None:
        """Make a recording of what kubectl wrote, or the other way round."""
        with _read([file], deriving, fresh=derive_again) as opened:
            lines = opened.lines()
            _written(write(to_kubectl(lines) if target == "kubectl" else encoded(lines), out), out, opened)

    return session


@contextmanager
def _read(paths: Sequence[Path], deriving: Deriving, *, fresh: bool = False) -> Iterator[Opened]:
    """The session, once all of it is there; how far it is stands on stderr, if that is a terminal."""
    with open_session(paths, deriving=deriving, fresh=fresh, follow=False) as opened:
        while not opened.wait(0.5):
            if sys.stderr.isatty():
                click.echo(f"\r{100 * opened.progress:3.0f} %", nl=False, err=True)
        if sys.stderr.isatty():
            click.echo("\r     \r", nl=False, err=True)
        if opened.problem and not opened.index.lines:
            raise UserError(opened.problem)
        yield opened


def _written(count: int, out: Path, opened: Opened) -> None:
    """Say what was written, and what was not."""
    click.echo(f"{count:,} lines in {'stdout' if str(out) == '-' else out}", err=True)
    for trouble in _troubles(opened):
        click.echo(trouble, err=True)


def _troubles(opened: Opened) -> Iterator[str]:
    faults = opened.faults
    if opened.problem:
        yield plain(opened.problem)
    for fault in faults.first:
        yield plain(f"left out: {fault}")
    if faults.total > len(faults.first):
        yield f"left out: {faults.total - len(faults.first):,} more bad lines"


def describe(told: Info) -> Iterator[str]:
    """What a recording holds, in lines for people."""
    began = datetime.fromtimestamp(told.began).astimezone()
    yield plain(f"{told.name}: {clock(told.seconds)} from {began:%Y-%m-%d %H:%M:%S %z}")
    yield plain(f"clusters   {', '.join(told.clusters) or 'not named'}; {told.channels:,} channels")
    yield plain(f"written by sonickube {told.version or 'unknown'}, theme {told.theme or 'not named'}")
    yield "lines      " + ", ".join(f"{count:,} {name}" for name, count in told.lines.items())
    if told.kinds:
        yield "events     " + ", ".join(f"{count:,} {name}" for name, count in told.kinds.items())
    for mark in told.marks[:100]:
        yield plain(f"mark       {clock(mark.t)} {mark.text}")
    if told.lost:
        yield f"lost       {told.lost:,} lines found no room on the disk"
    if told.unknown:
        yield f"unknown    {told.unknown:,} lines of kinds that a later sonickube has added"
    if told.tail:
        yield f"tail       {told.tail:,} bytes of a last line that is not whole"
    for fault in told.faults:
        yield plain(f"bad        {fault}")
    if told.bad > len(told.faults):
        yield f"bad        {told.bad - len(told.faults):,} more lines"
    if told.problem:
        yield plain(f"problem    {told.problem}")


def describe_check(check: Check) -> Iterator[str]:
    """What a recording would sound like, in lines for people."""
    for use in check.kinds:
        snippet = "no snippet" if use.snippet is None else f"{use.snippet}.rb" if use.snippet else "silent"
        yield f"{use.kind:18} {use.events:9,}  {snippet}"
    yield ""
    for channel in check.channels:
        busiest = f"busiest minute {channel.most:,} at {clock(channel.minute)}"
        yield plain(f"{channel.name:30} {channel.events:9,}  {busiest}")
