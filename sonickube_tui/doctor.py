"""Looks at everything that the main job needs, and says what to do about what is missing."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
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
        return [*await _cluster(settings), Check("test sound", State.WARNING, says)]
    cluster, found, sound = await asyncio.gather(
        _cluster(settings), _found(settings, named), _test_sound(settings, make_engine)
    )
    return [*cluster, *found, _installed(settings), sound]


def _told(name: str, line: object, state: State = State.FAILED) -> Check:
    """From a line as a UserError has it: what is wrong; what to do."""
    says, _, advice = str(line).partition("; ")
    return Check(name, state, says, advice)


# The cluster.


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


class _Verdict(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Verdict


async def _cluster(settings: Settings) -> list[Check]:
    """Each step needs the one before it: after one that fails, the others are not made."""
    from sonickube_tui.cluster.connect import ApiError, Unreachable, connect

    names = ["kubeconfig", "api server", "permissions", *(["selector"] if settings.selector else [])]
    checks: list[Check] = []
    server, failure = "the credential plug-in", ""
    try:
        async with (
            asyncio.timeout(ANSWER_LIMIT),
            await connect(settings.kubeconfig, settings.context) as api,
        ):
            server = api.server
            checks.append(_kubeconfig(settings, api))
            checks.append(await _api_server(api))
            permissions, scope = await _permissions(api, settings.namespaces)
            checks.append(permissions)
            if settings.selector and scope is not None:
                await api.get(f"/api/v1{scope}/pods", limit="1", labelSelector=settings.selector)
                checks.append(Check("selector", State.OK, f"{settings.selector} is understood"))
    except UserError as error:
        failure = str(error)
    except Unreachable as error:
        failure = f"{server}: {error}; is the cluster up, and the way to it open (VPN, proxy, firewall)?"
    except TimeoutError:
        failure = f"{server} gave no answer within {ANSWER_LIMIT:g} s; does kubectl get pods have one?"
    except ApiError as error:
        failure = f"{server} refused ({error.code}): {error}; {_REFUSED.get(error.code, 'try again later')}"
    except msgspec.DecodeError:
        failure = f"{server} does not answer as Kubernetes does; {_REFUSED[404]}"
    if failure:
        checks.append(_told(names[len(checks)], failure))
    left_out = f"not looked at, for want of: {checks[-1].name}"
    return checks + [Check(name, State.WARNING, left_out) for name in names[len(checks) :]]


_REFUSED = {
    400: "mend the selector; kubectl get pods -l wants the same",
    401: "log in again, as the user whom the context names",
    403: "ask those who run the cluster what the context's user may do",
    404: "check the server of the kubeconfig's cluster",
}


def _kubeconfig(settings: Settings, api: Api) -> Check:
    from kubernetes.aio.config.kube_config import KubeConfigMerger

    if api.cluster == "in-cluster":
        return Check("kubeconfig", State.OK, "none, but the service account of this pod")
    paths = settings.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    merger = KubeConfigMerger(paths)
    # As kubectl: the first file that names a current context decides.
    currents = (file.get("current-context") for file in merger.config_files.values())
    marks = {api.cluster: " (used)"} | {next(filter(None, currents), None): " (current)"}
    names = [entry["name"] for entry in merger.config["contexts"] if "name" in entry]
    names.sort(key=lambda name: name not in marks)
    listed = _some([f"{name}{marks.get(name, '')}" for name in names])
    return Check("kubeconfig", State.OK, f"{paths}: {listed}")


async def _api_server(api: Api) -> Check:
    began = time.monotonic()
    version = msgspec.json.decode(await api.get("/version"), type=_Version).git_version
    took = 1000 * (time.monotonic() - began)
    return Check("api server", State.OK, f"Kubernetes {version} at {api.server} answered in {took:.0f} ms")


async def _permissions(api: Api, given: Sequence[str]) -> tuple[Check, str | None]:
    """Whether the main job would be let, and the path of a scope whose pods it would list."""
    from sonickube_tui.cluster.patterns import parse

    wanted = parse(given)
    patterned = bool(given) and not wanted.named
    namespaces = [*filter(wanted.has, await _namespaces(api))] if patterned else wanted.names
    if patterned and not namespaces:
        return Check("permissions", State.WARNING, f"no namespace matches {_some(given)} yet"), None
    lacking = await _lacking(api, namespaces or [""])
    in_part = "list" in lacking.get("", ())
    if in_part:
        # As the main job does: it follows, one by one, the namespaces that may be listed.
        names = await _namespaces(api)
        lacking = {name: verbs for name, verbs in (await _lacking(api, names)).items() if "list" not in verbs}
        if not lacking:
            says = f"pods: list is denied cluster-wide and in {_some(names)}"
            return _told("permissions", f"{says}; name a namespace where you have it, with -n"), None
    places = {name: name or "all namespaces" for name in lacking}
    denied = [f"{' and '.join(verbs)} in {places[name]}" for name, verbs in lacking.items() if verbs]
    allowed = [name for name, verbs in lacking.items() if not verbs]
    if denied:
        others = f"follow only -n {' -n '.join(allowed)}" if allowed else "name a namespace with -n"
        return _told("permissions", f"pods: denied is {_some(denied)}; ask for it, or {others}"), None
    says = f"pods: list and watch in {_some([places[name] for name in allowed])}"
    scope = f"/namespaces/{allowed[0]}" if allowed[0] else ""
    if in_part:
        return _told("permissions", f"{says}, not in others; -n chooses among them", State.WARNING), scope
    return Check("permissions", State.OK, says), scope


async def _namespaces(api: Api) -> list[str]:
    from sonickube_tui.cluster.connect import ApiError
    from sonickube_tui.cluster.pod import decode_list

    try:
        # What is read here of a list of pods is the same in every list.
        return [item.metadata.name for item in decode_list(await api.get("/api/v1/namespaces")).items]
    except ApiError as error:
        if error.code != 403:
            raise
        return [api.namespace]


async def _lacking(api: Api, namespaces: Sequence[str]) -> dict[str, list[str]]:
    """The verbs on pods that the user lacks in each namespace; the empty name stands for all at once."""

    async def may(namespace: str, verb: str) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": namespace, "verb": verb, "resource": "pods"}},
        }
        answer = await api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return msgspec.json.decode(answer, type=_Review).status.allowed

    asked = [(name, verb) for name in dict.fromkeys(namespaces) for verb in ("list", "watch")]
    lacking: dict[str, list[str]] = {name: [] for name in namespaces}
    for (name, verb), yes in zip(asked, await asyncio.gather(*(may(*one) for one in asked)), strict=True):
        lacking[name] += [] if yes else [verb]
    return lacking


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
