"""The flags that commands have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def together(*flags: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several flags as one decorator."""

    def add(command: Any) -> Any:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return add


cluster_flags = together(
    click.option(
        "--context",
        "contexts",
        multiple=True,
        metavar="NAME",
        help="Context of the kubeconfig; may be given more than once: channels are then CLUSTER/NAMESPACE. "
        "Default: its current one.",
    ),
    click.option("--kubeconfig", metavar="FILE", help="Default: $KUBECONFIG, then ~/.kube/config."),
)

pod_flags = together(
    click.option(
        "-n",
        "--namespace",
        "namespaces",
        multiple=True,
        metavar="NAME",
        help="Follow this namespace, 'team-*' those that match, '!kube-*' all others; may be given more than "
        "once. Default: all that you may list.",
    ),
    click.option("-l", "--selector", metavar="LABELS", help="Follow only pods with these labels: app=cart"),
)

settings_flags = together(
    click.option("--theme", metavar="NAME", help="How the cluster looks and sounds; see: sonickube themes"),
    click.option("--snippets", metavar="DIR", help="A folder of .rb snippets that come before the theme's."),
    click.option(
        "--sonic-pi",
        metavar="HOST:PORT[:TOKEN]",
        help="Where Sonic Pi listens; version 4 and later want their token, which others see in ps: better "
        "set SONICKUBE_SONIC_PI to it. Default: found by its logs.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["auto", "sonic-pi", "boot", "bridge", "builtin", "silent"]),
        help="auto: a Sonic Pi that runs, or else one that is installed, or else the built-in player; "
        "sonic-pi: end when none runs; boot: start one; bridge: through lines pasted into Sonic Pi; "
        "builtin: without Sonic Pi; silent: no sound.",
    ),
    click.option(
        "--sonic-pi-app",
        metavar="DIR",
        help="Where Sonic Pi is installed, to start it: its folder, an unpacked AppImage, or Sonic Pi.app.",
    ),
    click.option(
        "--audio",
        type=click.Choice(["auto", "dummy"]),
        help="dummy: play on no sound hardware, whoever plays.",
    ),
    click.option(
        "--allow-remote",
        is_flag=True,
        default=None,
        help="Let --sonic-pi be another machine; snippets run there.",
    ),
    click.option(
        "--config", type=click.Path(path_type=Path), metavar="FILE", help="Read this in place of config.toml."
    ),
)

time_flag = click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End after so many seconds.",
)

headless_flag = click.option(
    "--headless", is_flag=True, help="No screen: a JSON object for each event on stdout."
)

redact_flag = click.option(
    "--redact",
    "record_redacted",
    is_flag=True,
    default=None,
    help="Record aliases in place of names, and no messages.",
)

play_flags = together(
    headless_flag,
    time_flag,
    click.option(
        "--record",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Record the session in a new file, compressed when its name ends in .gz or .zst.",
    ),
    redact_flag,
)

stdin_flag = click.option(
    "--stdin", is_flag=True, help="Follow what kubectl get pods -w -o json writes, not a cluster."
)
