"""The stories as a real API server tells them: tests/data/lives.jsonl.gz.

`python tests/lives.py` plays them on a real API server and records its watch.
"""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from uuid import uuid4

from kube import Json, KubeServer
from stories import OWNERS, STORIES

RECORDED = Path(__file__).parent / "data" / "lives.jsonl.gz"


def play(kube: KubeServer) -> list[Json]:
    """Play all stories on a server: its watch events in order, with their `story` and when they were made.

    The last line of each story has no event.
    """
    since = version = _version(kube)
    marks: list[Json] = []
    stories = {story: steps for story, (steps, _) in STORIES.items()}
    for story, steps in {**stories, **{owner: [step] for owner, (step, _) in OWNERS.items()}}.items():
        namespace = f"lives-{uuid4().hex[:8]}"
        kube.create_namespace(namespace)
        passed = 0.0
        for step in [*steps, 0.0]:
            if isinstance(step, float):
                passed += step
            else:
                step(kube, namespace)
            version = _version(kube)
            marks.append({"story": story, "at": round(time.time() + passed, 3), "upto": version})
    events = kube.history(str(since))[::-1]
    lines: list[Json] = []
    for mark in marks:
        upto = mark.pop("upto")
        while events and int(events[-1]["object"]["metadata"]["resourceVersion"]) <= upto:
            lines.append({**mark, "event": events.pop()})
    return lines + [{**mark, "event": None} for mark in {mark["story"]: mark for mark in marks}.values()]


def _version(kube: KubeServer) -> int:
    """The version of all that is stored now."""
    return int(kube.call("GET", "/api/v1/pods?limit=1")["metadata"]["resourceVersion"])


def recorded() -> list[Json]:
    """What a real server told of the stories when it was recorded."""
    with gzip.open(RECORDED, "rt") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    with KubeServer() as server, gzip.GzipFile(RECORDED, "wb", mtime=0) as file:
        file.writelines(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in play(server))
