"""The command line: commands, flags and their help. The parts are imported when a command needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sonickube_tui import __version__
from sonickube_tui.errors import UserError


class _Group(click.Group):
    """`sonickube` alone, or with flags only, is `sonickube watch`; a UserError is one line and exit 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if not args or (args[0].startswith("-") and args[0] not in own):
            args = ["watch", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"sonickube: {error}", err=True)
            ctx.exit(2)


def _flags(*flags: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return add


_cluster_flags = _flags(
    click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one."),
    click.option("--kubeconfig", metavar="FILE", help="Default: $KUBECONFIG, then ~/.kube/config."),
)

_settings_flags = _flags(
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
    click.option("--theme", metavar="NAME", help="How the cluster looks and sounds; see: sonickube themes"),
    click.option("--snippets", metavar="DIR", help="A folder of .rb snippets that come before the theme's."),
    click.option(
        "--sonic-pi",
        metavar="HOST:PORT[:TOKEN]",
        help="Where Sonic Pi listens; version 4 and later want their token. Default: found by its logs.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["auto", "sonic-pi", "boot", "bridge", "silent"]),
        help="auto: a Sonic Pi that runs, or else one that is installed; sonic-pi: end when none runs; "
        "boot: start one; bridge: through five lines pasted into Sonic Pi; silent: no sound.",
    ),
    click.option("--sonic-pi-app", metavar="DIR", help="Where Sonic Pi is installed, to start it."),
    click.option(
        "--audio",
        type=click.Choice(["auto", "dummy"]),
        help="dummy: start Sonic Pi without sound hardware (jack's dummy driver).",
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

_play_flags = _flags(
    click.option("--headless", is_flag=True, help="No screen: a JSON object for each event on stdout."),
    click.option(
        "--for",
        "seconds",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="End after so many seconds.",
    ),
)


@click.group(cls=_Group)
@click.version_option(__version__, prog_name="sonickube", message="%(prog)s %(version)s")
@click.help_option("-h", "--help")
def cli() -> None:
    """Hear your Kubernetes cluster: pods that come and go are sounds in Sonic Pi.

    \b
    sonickube                              the current context of the kubeconfig
    sonickube -n shop -n payments          two of its namespaces
    sonickube -n 'team-*' -n '!team-test'  those that match a pattern, but one
    sonickube --context prod --theme zen   another cluster, as a garden
    sonickube demo                         a simulated cluster; needs nothing
    sonickube doctor                       what is missing, and what to do about it
    sonickube --headless | jq .kind        one JSON object for each event

    Flags without a command belong to watch; sonickube watch --help lists them.
    """


@cli.command()
@_cluster_flags
@_settings_flags
@_play_flags
@click.option("--stdin", is_flag=True, help="Follow what kubectl get pods -w -o json writes, not a cluster.")
@click.help_option("-h", "--help")
def watch(seconds: float | None, headless: bool, stdin: bool, config: Path | None, **flags: Any) -> None:
    """Open the console on a cluster; sonickube alone does the same.

    \b
    sonickube watch --context prod -n shop -l 'app in (cart, checkout)'
    sonickube watch --sonic-pi 127.0.0.1:4557
    kubectl get pods -A -w -o json --output-watch-events | sonickube watch --stdin
    """
    from sonickube_tui import assemble, settings

    chosen = settings.load(flags, config)
    if stdin:
        source = assemble.kubectl(chosen, assemble.piped(headless=headless))
    else:
        source = assemble.cluster(chosen)
    assemble.play(chosen, source, headless=headless, seconds=seconds)


@cli.command()
@click.option(
    "--scenario",
    metavar="NAME",
    default="incident",
    show_default=True,
    help="calm, rollout, incident, storm.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed tells the same story.")
@_settings_flags
@_play_flags
@click.help_option("-h", "--help")
def demo(
    scenario: str, seed: int, seconds: float | None, headless: bool, config: Path | None, **flags: Any
) -> None:
    """Open the console on a simulated cluster: no kubeconfig needed.

    \b
    sonickube demo --scenario rollout --theme zen
    sonickube demo --headless --for 20
    """
    from sonickube_tui import assemble, settings
    from sonickube_tui.cluster.simulated.scenarios import SCENARIOS

    if scenario not in SCENARIOS:
        raise UserError(f"no scenario called {scenario!r}; there are: {', '.join(SCENARIOS)}")
    chosen = settings.load(flags, config)
    assemble.play(chosen, assemble.simulation(chosen, scenario, seed), headless=headless, seconds=seconds)


@cli.command()
@_cluster_flags
@_settings_flags
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, for scripts.")
@click.help_option("-h", "--help")
def doctor(as_json: bool, config: Path | None, **flags: Any) -> None:
    """Check all that the sound of your cluster needs, and say what to do.

    With the flags of watch, it checks what watch would do with them; it plays a short sound. The exit code is
    0 when the cluster would be heard, 1 when it would not.

    \b
    sonickube doctor
    sonickube doctor --context prod -n shop --json | jq .works
    """
    from functools import partial

    from sonickube_tui import assemble, settings
    from sonickube_tui import doctor as checks

    chosen = settings.load(flags, config)
    engine = partial(assemble.engine, chosen, required=True)
    folders = assemble.snippet_folders(chosen)
    works = checks.run(chosen, engine, assemble.theme_folders(), folders, as_json=as_json)
    click.get_current_context().exit(0 if works else 1)


@cli.command()
@click.help_option("-h", "--help")
def themes() -> None:
    """List the themes, a line each."""
    from sonickube_tui.assemble import theme_folders
    from sonickube_tui.music.theme import read_theme
    from sonickube_tui.music.theme import themes as found

    for name, file in found(theme_folders()).items():
        click.echo(f"{name:<12} {read_theme(file).description}")


def main() -> None:
    """The console script."""
    cli(prog_name="sonickube")
