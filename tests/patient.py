"""What `sonickube doctor` looks at, and what it says.

Knows nothing of pytest.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from command import sonickube
from sonickube_tui.assemble import engine
from sonickube_tui.doctor import examine
from sonickube_tui.doctor.check import Check
from sonickube_tui.settings import Settings

ROOT = Path(__file__).parent.parent

TOKEN = -1234567890
"""A Sonic Pi's, which must not be shown."""

Done = subprocess.CompletedProcess[str]


def kubeconfig(
    folder: Path, server: str, contexts: Iterable[str] = ("real",), user: str = "{token: t}"
) -> Path:
    """One whose current context is the first."""
    current, *_ = contexts
    names = "".join(f'- {{name: "{name}", context: {{cluster: c, user: u}}}}\n' for name in contexts)
    file = folder / "kubeconfig"
    file.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: "{current}"
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
contexts:
{names}
users: [{{name: u, user: {user}}}]
"""
    )
    return file


async def doctor(home: Path, server: str, *args: str, **env: str) -> Done:
    """Run it against a server, while servers and peers of this test go on."""
    file = str(kubeconfig(home, server))
    return await asyncio.to_thread(sonickube, home, "doctor", "--kubeconfig", file, *args, **env)


async def examined(home: Path, server: str, **settings: Any) -> dict[str, Check]:
    """What the same looks at outside, without a process of its own; without sound unless that is set."""
    file = str(kubeconfig(home, server))
    chosen = Settings(kubeconfig=file, **({"engine": "silent"} | settings))
    found = await examine(chosen, partial(engine, chosen, required=True))
    return {check.name: check for check in found}


def checks(done: Done) -> dict[str, dict[str, str]]:
    """The checks of `--json` by name; the last of a name, which has the advice, stands for it."""
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert set(report) == {"works", "checks"}
    assert all(set(check) == {"name", "state", "says", "advice"} for check in report["checks"])
    assert all("\n" not in check["says"] + check["advice"] for check in report["checks"])
    assert report["works"] is (done.returncode == 0)
    assert report["works"] is not any(check["state"] == "failed" for check in report["checks"])
    return {check["name"]: check for check in report["checks"]}


def lint(home: Path, *args: str) -> dict[str, dict[str, str]]:
    return checks(sonickube(home, "doctor", "--engine", "silent", "--json", *args))
