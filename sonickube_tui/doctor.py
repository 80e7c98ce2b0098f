"""Looks at everything that the main job needs, and says what to do about what is missing."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sonickube_tui.engine.address import Address, parse_address
from sonickube_tui.engine.base import Done, Ended, Engine, Failed, Report, Started, Status
from sonickube_tui.engine.boot import installations
from sonickube_tui.engine.builtin.parts import missing
from sonickube_tui.engine.discovery import Candidate, candidates
from sonickube_tui.engine.sonic_pi import BOOT_TIMEOUT, REPORT_TIMEOUT, SonicPi, Ways
from sonickube_tui.errors import UserError
from sonickube_tui.event import Event, Kind
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import load_theme, themes
from sonickube_tui.music.voice import Voice
from sonickube_tui.settings import Settings

if TYPE_CHECKING:
    from sonickube_tui.cluster.connect import Api
    from sonickube_tui.cluster.permissions import Permissions

ANSWER_LIMIT = 10.0
"""Seconds for all that the cluster is asked, and to find a Sonic Pi that runs."""

BOOT_LIMIT = BOOT_TIMEOUT + 15.0
"""Seconds to start a Sonic Pi; the last ones are for what it needs before it can be asked."""

_SOUND = "use_synth :pretty_bell\nplay :e5, release: 0.5"


class State(StrEnum):
    """What a check found: with warnings the main job would work, with a failure it would not."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: a line on what was found, and a line on what to do about it, or none."""

    name: str
    state: State
    says: str
    advice: str = ""


def run(
    settings: Settings,
    make_engine: Callable[[], Engine],
    theme_folders: Sequence[Path],
    snippet_folders: Sequence[Path],
    *,
    as_json: bool,
) -> bool:
    """Make all checks and print them; whether the main job would work.

    Raises as `examine` does.
    """
    # As Ctrl+C does: a Sonic Pi that was started for the test must not stay behind.
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    checks = asyncio.run(examine(settings, make_engine))
    library = Library(snippet_folders)
    checks += [_theme(settings.theme, theme_folders, library), *_snippets(library), *_terminal()]
    checks = [Check(one.name, one.state, _printable(one.says), _printable(one.advice)) for one in checks]
    failed = dict.fromkeys(check.name for check in checks if check.state is State.FAILED)
    if as_json:
        print(msgspec.json.encode({"works": not failed, "checks": checks}).decode())
    else:
        end = f"would not work: {', '.join(failed)}." if failed else "would work."
        Console().print(_table(checks), Text(f"\nThe main job {end}"), sep="\n")
    return not failed


async def examine(settings: Settings, make_engine: Callable[[], Engine]) -> list[Check]:
    """Look at the cluster and at Sonic Pi, both at once.

    The engine's run must raise UserError when no Sonic Pi answers. Raises UserError when the address of
    Sonic Pi in the settings is malformed.
    """
    named = parse_address(settings.sonic_pi) if settings.sonic_pi else None
    if settings.engine == "silent":
        says = "skipped, like all that is about Sonic Pi: the engine setting is silent"
        return [*await _clusters(settings), Check("test sound", State.WARNING, says)]
    if settings.engine == "builtin":
        cluster, sound = await asyncio.gather(_clusters(settings), _test_sound(settings, make_engine))
        return [*cluster, _built_in(), sound]
    cluster, found, sound = await asyncio.gather(
        _clusters(settings), _found(settings, named), _test_sound(settings, make_engine)
    )
    built_in = _built_in()
    instead = settings.engine == "auto" and not named and built_in.state is State.OK
    if sound.state is State.FAILED and instead:
        sound = msgspec.structs.replace(
            sound, state=State.WARNING, advice="the built-in player plays instead"
        )
    return [*cluster, *found, _installed(settings), built_in, sound]


def _built_in() -> Check:
    if lack := missing():
        return Check("player", State.WARNING, f"the built-in one is not ready: {'; '.join(lack)}")
    return Check("player", State.OK, "the parts of the built-in one are installed")


def _told(name: str, line: object, state: State = State.FAILED) -> Check:
    """From a line as a UserError has it: what is wrong; what to do."""
    says, _, advice = str(line).partition("; ")
    return Check(name, state, says, advice)


# The cluster.


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


async def _clusters(settings: Settings) -> list[Check]:
    """All contexts at once: told check by check, and what is the same of all is said once."""
    contexts = settings.contexts
    if len(contexts) < 2:
        return (await _cluster(settings, next(iter(contexts), None)))[0]
    looked_at = await asyncio.gather(*(_cluster(settings, context) for context in contexts))
    found: list[Check] = []
    for row in zip(*(checks for checks, _ in looked_at), strict=True):
        if len(set(row)) == 1:
            found.append(row[0])
            continue
        for context, check in zip(contexts, row, strict=True):
            found.append(msgspec.structs.replace(check, says=f"{context}: {check.says}"))
    return found + _doubles(dict(zip(contexts, (server for _, server in looked_at), strict=True)))


def _doubles(servers: Mapping[str, str]) -> list[Check]:
    """Contexts that are the same server, from the server of each; an empty one is not known."""
    checks = []
    for server in filter(None, dict.fromkeys(servers.values())):
        names = [name for name, its in servers.items() if its == server]
        if len(names) > 1:
            says = f"{' and '.join(names)} are the same server {server}: its events are heard once for each"
            checks.append(Check("contexts", State.WARNING, says, "leave out all but one"))
    return checks


async def _cluster(settings: Settings, context: str | None) -> tuple[list[Check], str]:
    """The checks, and the server where there is a way to one.

    Each step needs the one before it: after one that fails, the others are not made.
    """
    from sonickube_tui.cluster.connect import ApiError, Unreachable, connect
    from sonickube_tui.cluster.permissions import permissions

    names = ["kubeconfig", "api server", "permissions", *(["selector"] if settings.selector else [])]
    checks: list[Check] = []
    server, failure = "", ""
    try:
        async with asyncio.timeout(ANSWER_LIMIT), await connect(settings.kubeconfig, context) as api:
            server = api.server
            checks.append(_kubeconfig(settings, api))
            checks.append(await _api_server(api))
            found = await permissions(api, settings.namespaces)
            checks.append(_permissions(found, settings.namespaces))
            if settings.selector and found.scope is not None:
                await api.get(f"/api/v1{found.scope}/pods", limit="1", labelSelector=settings.selector)
                checks.append(Check("selector", State.OK, f"{settings.selector} is understood"))
    except UserError as error:
        failure = str(error)
    except Unreachable as error:
        failure = f"{server}: {error}; is the cluster up, and the way to it open (VPN, proxy, firewall)?"
    except TimeoutError:
        who = server or "the credential plug-in"
        failure = f"{who} gave no answer within {ANSWER_LIMIT:g} s; does kubectl get pods have one?"
    except ApiError as error:
        failure = f"{server} refused ({error.code}): {error}; {_REFUSED.get(error.code, 'try again later')}"
    except msgspec.DecodeError:
        failure = f"{server} does not answer as Kubernetes does; {_REFUSED[404]}"
    if failure:
        checks.append(_told(names[len(checks)], failure))
    left_out = f"not looked at, for want of: {checks[-1].name}"
    return checks + [Check(name, State.WARNING, left_out) for name in names[len(checks) :]], server


_REFUSED = {
    400: "mend the selector; kubectl get pods -l wants the same",
    401: "log in again, as the user whom the context names",
    403: "ask those who run the cluster what the context's user may do",
    404: "check the server of the kubeconfig's cluster",
}


def _kubeconfig(settings: Settings, api: Api) -> Check:
    from sonickube_tui.cluster.connect import contexts

    if api.cluster == "in-cluster":
        return Check("kubeconfig", State.OK, "none, but the service account of this pod")
    there = contexts(settings.kubeconfig)
    used = settings.contexts or (api.cluster,)
    marks = dict.fromkeys(used, " (used)") | {there.current: " (current)"}
    names = sorted(there.names, key=lambda name: name not in marks)
    listed = _some([f"{name}{marks.get(name, '')}" for name in names])
    return Check("kubeconfig", State.OK, f"{there.paths}: {listed}")


async def _api_server(api: Api) -> Check:
    began = time.monotonic()
    version = msgspec.json.decode(await api.get("/version"), type=_Version).git_version
    took = 1000 * (time.monotonic() - began)
    return Check("api server", State.OK, f"Kubernetes {version} at {api.server} answered in {took:.0f} ms")


def _permissions(found: Permissions, given: Sequence[str]) -> Check:
    lacking = found.lacking
    if not found.asked:
        return Check("permissions", State.WARNING, f"no namespace matches {_some(given)} yet")
    if found.in_part and not lacking:
        says = f"pods: list is denied cluster-wide and in {_some(found.asked)}"
        return _told("permissions", f"{says}; name a namespace where you have it, with -n")
    places = {name: name or "all namespaces" for name in lacking}
    denied = [f"{' and '.join(verbs)} in {places[name]}" for name, verbs in lacking.items() if verbs]
    allowed = [name for name, verbs in lacking.items() if not verbs]
    if denied:
        others = f"follow only -n {' -n '.join(allowed)}" if allowed else "name a namespace with -n"
        return _told("permissions", f"pods: denied is {_some(denied)}; ask for it, or {others}")
    says = f"pods: list and watch in {_some([places[name] for name in allowed])}"
    if found.in_part:
        return _told("permissions", f"{says}, not in others; -n chooses among them", State.WARNING)
    return Check("permissions", State.OK, says)


# Sonic Pi.


async def _found(settings: Settings, named: Address | None) -> list[Check]:
    places = await asyncio.to_thread(candidates)
    if named and (named.loopback or settings.allow_remote):
        places = [Candidate(named, "--sonic-pi"), *(place for place in places if place.address != named)]
    answers = await asyncio.gather(*(_who_answers(place.address) for place in places))
    checks = []
    for place, who in zip(places, answers, strict=True):
        wanted = not any(answers) or place.address == named
        token = ", with a token" if place.address.token is not None else ""
        says = f"{who or f'nobody answers at {place.address}'} ({place.source}{token})"
        checks.append(Check("sonic pi", State.WARNING if wanted and not who else State.OK, says))
    if not any(answers):
        advice = "if one runs, name it: --sonic-pi HOST:PORT, or HOST:PORT:TOKEN from version 4 on"
        checks[-1] = msgspec.structs.replace(checks[-1], advice=advice)
    return checks


async def _who_answers(address: Address) -> str:
    """Version and address of the Sonic Pi there; empty when none answers."""
    engine = SonicPi(Ways(named=address, required=True))
    with suppress(UserError, TimeoutError):
        async with asyncio.timeout(ANSWER_LIMIT) as limit:
            await engine.run(lambda report: None, lambda status: limit.reschedule(0))
    return engine.status.name if engine.status.sounding else ""


def _installed(settings: Settings) -> Check:
    try:
        found = installations(Path(settings.sonic_pi_app).expanduser() if settings.sonic_pi_app else None)
    except UserError as error:
        return _told("installed", error, State.WARNING)
    if not found:
        says = "no Sonic Pi in the usual places; one that runs will do, or name the place: --sonic-pi-app DIR"
        return _told("installed", says, State.WARNING)
    return Check("installed", State.OK, f"Sonic Pi in {_some([str(one) for one in found])}")


async def _test_sound(settings: Settings, make_engine: Callable[[], Engine]) -> Check:
    """Play a short voice as the main job plays its own, on a Sonic Pi that is started for it if need be."""
    event = Event(at=time.time(), cluster="", namespace="", pod="doctor", uid="", kind=Kind.READY)
    heard: asyncio.Queue[Report | Status | None] = asyncio.Queue()
    clock = asyncio.get_running_loop().time
    playing: asyncio.Task[None] | None = None
    name, after, started_by_us = "", 0.0, False
    try:
        engine = make_engine()
        playing = asyncio.create_task(engine.run(heard.put_nowait, heard.put_nowait))
        playing.add_done_callback(lambda _: heard.put_nowait(None))
        async with asyncio.timeout(ANSWER_LIMIT) as limit:
            while True:
                match await heard.get():
                    case None:
                        playing.result()
                    case Status(sounding=True, name=name):
                        engine.play(Voice(id=1, event=event, snippet="doctor"), _SOUND)
                        limit.reschedule(clock() + REPORT_TIMEOUT)
                    case Status(advice=advice) if settings.engine == "builtin":
                        return Check("test sound", State.FAILED, advice)
                    case Status() if not name:
                        started_by_us = True
                        limit.reschedule(clock() + BOOT_LIMIT)
                    case Started(after=after):
                        limit.reschedule(clock() + REPORT_TIMEOUT)
                    case Failed(error=error, message=message):
                        return _told("test sound", f"{name}: {error}: {message}")
                    case Done() if not started_by_us:
                        break
                    case Ended():  # What we started is silent as soon as we leave it.
                        break
    except UserError as error:
        if started_by_us:
            advice = "without sound hardware: --audio dummy; or start Sonic Pi yourself, it may say more"
            return Check("test sound", State.FAILED, str(error), advice)
        if settings.engine == "bridge":
            paste = "sonickube --engine bridge shows five lines to paste"
            return Check("test sound", State.FAILED, "the bridge does not answer", paste)
        return _told("test sound", str(error).replace(": start it", "; start it"))
    except TimeoutError:
        says = f"{name or 'Sonic Pi'} did not report back in time; it may be busy: stop its runs, try again"
        return _told("test sound", says)
    except OSError as error:
        return _told("test sound", f"{name}: {error}")
    finally:
        if playing:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    return Check("test sound", State.OK, f"{name} played it and reported back after {1000 * after:.0f} ms")


# Theme, snippets, terminal.


def _theme(name: str, folders: Sequence[Path], library: Library) -> Check:
    """That it loads, and that each kind of event has the sound that it names."""
    try:
        theme = load_theme(name, folders)
    except UserError as error:
        return _told("theme", error)
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
        return Check("theme", state, f"{file}, {_some(problems)}", advice)
    return Check("theme", State.OK, f"{name}: {len(sounding)} of {len(Kind)} kinds of events have a sound")


def _snippets(library: Library) -> list[Check]:
    advice = "mend that line, or delete the file"
    broken = [Check("snippets", State.WARNING, problem.message, advice) for problem in library.problems]
    return broken or [Check("snippets", State.OK, f"{len(library.names)} files, all of them Ruby")]


def _terminal() -> list[Check]:
    closed = [name for name in ("stdin", "stdout", "stderr") if not getattr(sys, name).isatty()]
    width, height = shutil.get_terminal_size()
    console = Console(force_terminal=True)
    colours = {"truecolor": "24-bit colour", "256": "256 colours"}.get(console.color_system or "")
    problems = []
    if closed:
        problems.append(f"none at {', '.join(closed)}; the console needs one; without: sonickube --headless")
    elif width < 80 or height < 24:
        problems.append(f"{width}x{height}; make it 80x24 or larger")
    if colours is None and not closed:
        problems.append("16 colours or fewer; if it can show more: export COLORTERM=truecolor")
    if not _utf8():
        problems.append(f"{sys.stdout.encoding} in place of UTF-8; export LANG=C.UTF-8")
    off = " (off, as NO_COLOR says)" if console.no_color else ""
    return [_told("terminal", problem, State.WARNING) for problem in problems] or [
        Check("terminal", State.OK, f"{width}x{height}, {colours}{off}, UTF-8")
    ]


# What is shown.


def _table(checks: Sequence[Check]) -> Table:
    """A line or two for each check; the name of several is shown once."""
    table = Table.grid(padding=(0, 1))
    for _ in range(3):
        table.add_column(overflow="fold")
    signs = dict(zip(State, "✓!✗" if _utf8() else "+!x", strict=True))
    colours = dict(zip(State, ("green", "yellow", "red"), strict=True))
    before = ""
    for check in checks:
        name = Text("" if check.name == before else check.name)
        table.add_row(Text(signs[check.state], colours[check.state]), name, Text(check.says))
        if check.advice:
            table.add_row("", "", Padding(Text(check.advice), (0, 0, 0, 2)))
        before = check.name
    return table


def _some(names: Sequence[str]) -> str:
    """The first eight: one screen has room for no more."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _utf8() -> bool:
    return "utf" in sys.stdout.encoding.lower()


def _printable(text: str) -> str:
    """One line without control characters: what a cluster says must not steer the terminal."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line.encode(sys.stdout.encoding, "replace").decode(sys.stdout.encoding)
