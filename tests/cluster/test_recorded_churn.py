"""A real cluster's churn, recorded and heard again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from churn import Crowd
from command import sonickube
from kube import KubeServer

pytestmark = pytest.mark.real

SILENT = ("--headless", "--engine", "silent")


def told(output: str) -> list[tuple[str, ...]]:
    """The events in order, with the moment and the fate of each."""
    lines = sorted(map(json.loads, output.splitlines()), key=lambda line: line["seq"])
    return [tuple(line[key] for key in ("namespace", "pod", "kind", "at", "fate")) for line in lines]


async def test_churn_is_heard_again_event_by_event_at_any_speed(kube: KubeServer, tmp_path: Path) -> None:
    await asyncio.to_thread(kube.use)
    label = uuid4().hex[:8]
    namespaces = [f"tape-{label}-{n}" for n in range(2)]
    for namespace in namespaces:
        kube.create_namespace(namespace)
    config = str(kube.kubeconfig(tmp_path / "kubeconfig"))
    path = str(tmp_path / "churn.jsonl.gz")
    recording = asyncio.create_task(
        asyncio.to_thread(
            sonickube, tmp_path, *SILENT, "--kubeconfig", config, "-l", f"churn={label}", "--for", "14",
            "--record", path,
        )
    )  # fmt: skip
    crowd = Crowd(kube, namespaces, churn=label)
    await crowd.live(recording.done)
    live = await recording
    assert live.returncode == 0, live.stderr
    events = told(live.stdout)
    assert len(events) > 500
    assert {namespace for namespace, *_ in events} == set(namespaces)
    for speed in ("1", "50"):
        again = await asyncio.to_thread(sonickube, tmp_path, "replay", path, *SILENT, "--speed", speed)
        assert again.returncode == 0, again.stderr
        assert told(again.stdout) == events
