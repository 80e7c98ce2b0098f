"""The measured processes: our headless path, and the documented loop of the Kubernetes client."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import psutil

from sonickube_tui.event import Connection, Event, Item, Link


def resident() -> tuple[float, float]:
    """Resident memory of this process in MB: now, and at its highest (Linux only)."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


async def headless(api: str, sonic_pi: str, events: int, onsets_per_second: float) -> dict[str, float]:
    """The whole headless path, from watch to stdout and Sonic Pi, until `events` are in.

    Of the first list: `listed` pods in `list` seconds, at `start` seconds after the process began, in `rss`
    and at most `peak` MB. The events took `seconds` from the first to the last, and `events_cpu`; `list_cpu`
    and `start_cpu` are the CPU seconds of the others.
    """
    from sonickube_tui import headless as without_screen
    from sonickube_tui.assemble import theme_folders
    from sonickube_tui.cluster.connect import Api, plain
    from sonickube_tui.cluster.source import follow
    from sonickube_tui.conductor import Conductor
    from sonickube_tui.engine.address import parse_address
    from sonickube_tui.engine.sonic_pi import SonicPi, Ways
    from sonickube_tui.music.merging import WINDOW, Merger
    from sonickube_tui.music.snippets import Library
    from sonickube_tui.music.theme import load_theme
    from sonickube_tui.settings import shipped

    conductor = Conductor(
        theme=load_theme("classic", theme_folders()),
        library=Library([shipped("snippets") / "classic"]),
        engine=SonicPi(Ways(named=parse_address(sonic_pi))),
        merger=Merger(onsets_per_second, window=0.0 if onsets_per_second > 1_000 else WINDOW),
    )
    result: dict[str, float] = {}

    async def connect() -> Api:
        return plain(api, "benchmark")

    async def source() -> AsyncIterator[Item]:
        first = heard = heard_cpu = 0.0
        began, began_cpu = time.perf_counter(), time.process_time()
        async for item in follow(connect):
            yield item
            if isinstance(item, Event) and not heard:
                heard, heard_cpu = time.perf_counter(), time.process_time()
            if isinstance(item, Connection) and item.link is Link.WATCHING and not first:
                first = time.perf_counter()
                result["listed"] = item.pods
                result["list"] = first - began
                result["start"] = time.time() - psutil.Process().create_time()
                result["start_cpu"] = time.process_time()
                result["list_cpu"] = result["start_cpu"] - began_cpu
                result["rss"], result["peak"] = resident()
            if conductor.events >= events:
                result["seconds"] = time.perf_counter() - heard
                result["events_cpu"] = time.process_time() - heard_cpu
                await asyncio.sleep(0.2)
                return

    await without_screen.run(conductor, source())
    return result


def documented(api: str, events: int) -> dict[str, float]:
    """`Watch().stream(CoreV1Api().list_pod_for_all_namespaces)`, and nothing done with what it gives."""
    from kubernetes import client, watch

    core = client.CoreV1Api(client.ApiClient(client.Configuration(host=api)))
    first = 0.0
    stream = watch.Watch().stream(core.list_pod_for_all_namespaces, resource_version="1")
    for _ in islice(stream, events):
        first = first or time.perf_counter()
    return {"seconds": time.perf_counter() - first}


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    kind, api, sonic_pi, events, rate = sys.argv[1:]
    if kind == "headless":
        figures = asyncio.run(headless(api, sonic_pi, int(events), float(rate)))
    else:
        figures = documented(api, int(events))
    print(json.dumps(figures), file=sys.stderr)
