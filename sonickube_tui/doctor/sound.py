"""Whether something would sound: a Sonic Pi that runs or is installed, or the built-in player."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from sonickube_tui.doctor.check import ANSWER_LIMIT, Check, State, some, told
from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Done, Ended, Engine, Failed, Report, Started, Status
from sonickube_tui.engine.builtin.parts import missing
from sonickube_tui.engine.discovery import Candidate, candidates, what_logs_say
from sonickube_tui.engine.installed import Installation, installations
from sonickube_tui.engine.sonic_pi import BOOT_TIMEOUT, REPORT_TIMEOUT, SonicPi, Ways
from sonickube_tui.errors import UserError
from sonickube_tui.event import Event, Kind
from sonickube_tui.music.voice import Voice
from sonickube_tui.settings import Settings, sonic_pi_folder

BOOT_LIMIT = BOOT_TIMEOUT + 15.0
"""Seconds to start a Sonic Pi; the last ones are for what it needs before it can be asked."""

_SOUND = "use_synth :pretty_bell\nplay :e5, release: 0.5"


def built_in() -> Check:
    """Whether the built-in player has its parts."""
    if lack := missing():
        return Check("player", State.WARNING, f"the built-in one is not ready: {'; '.join(lack)}")
    return Check("player", State.OK, "the parts of the built-in one are installed")


async def find(settings: Settings, named: Address | None) -> list[Check]:
    """Each place where a Sonic Pi may answer, that which is `named` first."""
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
        looked = f"{checks[-1].says}; {await asyncio.to_thread(what_logs_say)}"
        advice = "if one runs, name it: SONICKUBE_SONIC_PI=HOST:PORT, or HOST:PORT:TOKEN from version 4 on"
        checks[-1] = msgspec.structs.replace(checks[-1], says=looked, advice=advice)
    return checks


async def _who_answers(address: Address) -> str:
    """Version and address of the Sonic Pi there; empty when none answers."""
    engine = SonicPi(Ways(named=address, required=True, folder=sonic_pi_folder()))
    with suppress(UserError, TimeoutError):
        async with asyncio.timeout(ANSWER_LIMIT) as limit:
            await engine.run(lambda report: None, lambda status: limit.reschedule(0))
    return engine.status.name if engine.status.sounding else ""


def installed(settings: Settings) -> Check:
    """Whether there is a Sonic Pi that could be started."""
    try:
        found = installations(Path(settings.sonic_pi_app).expanduser() if settings.sonic_pi_app else None)
    except UserError as error:
        return told("installed", error, State.WARNING)
    if not found:
        says = "no Sonic Pi in the usual places; one that runs will do, or name the place: --sonic-pi-app DIR"
        return told("installed", says, State.WARNING)
    return Check("installed", State.OK, f"Sonic Pi in {some([_described(one) for one in found])}")


def _described(one: Installation) -> str:
    """Where it is and what it is, as far as its files tell."""
    by = "flatpak" if one.flatpak else "its daemon" if one.daemon else "its server"
    return f"{one} ({', '.join(filter(None, (one.version, f'started by {by}')))})"


async def play(settings: Settings, make_engine: Callable[[], Engine]) -> Check:
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
                        return told("test sound", f"{name}: {error}: {message}")
                    case Done() if not started_by_us:
                        break
                    case Ended():  # What we started is silent as soon as we leave it.
                        break
    except UserError as error:
        if started_by_us:
            advice = "without sound hardware: --audio dummy; or start Sonic Pi yourself, it may say more"
            return Check("test sound", State.FAILED, str(error), advice)
        if settings.engine == "bridge":
            paste = "sonickube --engine bridge shows the lines to paste"
            return Check("test sound", State.FAILED, "the bridge does not answer", paste)
        return told("test sound", str(error).replace(": start it", "; start it"))
    except TimeoutError:
        says = f"{name or 'Sonic Pi'} did not report back in time; it may be busy: stop its runs, try again"
        return told("test sound", says)
    except OSError as error:
        return told("test sound", f"{name}: {error}")
    finally:
        if playing:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    return Check("test sound", State.OK, f"{name} played it and reported back after {1000 * after:.0f} ms")
