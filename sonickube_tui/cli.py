"""The command line: commands, flags and their help. The parts are imported when a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sonickube_tui import __version__
from sonickube_tui.cli_flags import (
    cluster_flags,
    headless_flag,
    play_flags,
    pod_flags,
    redact_flag,
    settings_flags,
    stdin_flag,
    time_flag,
)
from sonickube_tui.errors import UserError
from sonickube_tui.plain import plain

if TYPE_CHECKING:
    from sonickube_tui.assemble import Stream
    from sonickube_tui.settings import Settings


class _Group(click.Group):
    """`sonickube` alone, or with flags only, is `sonickube watch`; a UserError is one line and exit 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if later := _LATER.get(cmd_name):
            return later()
        return super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if not args or (args[0].startswith("-") and args[0] not in own):
            args = ["watch", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"sonickube: {plain(str(error))}", err=True)
            ctx.exit(2)


def _session() -> click.Command:
    from sonickube_tui.cluster.again import Again
    from sonickube_tui.session.commands import group

    return group(Again)


def _bounce() -> click.Command:
    from sonickube_tui.cli_sound import bounce

    return bounce


def _sound() -> click.Command:
    from sonickube_tui.cli_sound import sound

    return sound


_LATER = {"bounce": _bounce, "session": _session, "sound": _sound}
"""Commands of other files, which are read when they are needed."""


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
    sonickube --context eu --context us    two clusters at once
    sonickube demo                         a simulated cluster; needs nothing
    sonickube --record prod.jsonl.gz       the same, recorded as it goes
    sonickube replay prod.jsonl.gz         heard and seen again
    sonickube bounce prod.jsonl.gz a.flac  the same as a sound file
    sonickube doctor                       what is missing, and what to do about it
    sonickube --headless | jq .kind        one JSON object for each event

    Flags without a command belong to watch; sonickube watch --help lists them.
    """


@cli.command()
@cluster_flags
@pod_flags
@settings_flags
@play_flags
@stdin_flag
@click.help_option("-h", "--help")
def watch(
    seconds: float | None,
    headless: bool,
    stdin: bool,
    record: Path | None,
    config: Path | None,
    **flags: Any,
) -> None:
    """Open the console on a cluster; sonickube alone does the same.

    \b
    sonickube watch --context prod -n shop -l 'app in (cart, checkout)'
    sonickube watch --sonic-pi 127.0.0.1:4557
    kubectl get pods -A -w -o json --output-watch-events | sonickube watch --stdin
    """
    from sonickube_tui import assemble, settings

    chosen = settings.load(flags, config)
    source = _watched(chosen, stdin=stdin, headless=headless)
    assemble.play(chosen, source, headless=headless, seconds=seconds, clusters=chosen.contexts, record=record)


def _watched(chosen: Settings, *, stdin: bool, headless: bool) -> Stream:
    from sonickube_tui import assemble

    if stdin:
        return assemble.kubectl(chosen, assemble.piped(headless=headless))
    return assemble.clusters(chosen)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@cluster_flags
@pod_flags
@settings_flags
@time_flag
@redact_flag
@stdin_flag
@click.option("--headless", is_flag=True, expose_value=False, help="As it always is: without a screen.")
@click.help_option("-h", "--help")
def record(file: Path, seconds: float | None, stdin: bool, config: Path | None, **flags: Any) -> None:
    """Record a cluster in FILE without a screen and without sound, as a service does.

    What it has to say goes to stderr, and SIGTERM ends it cleanly. With --engine it is heard, too.

    \b
    sonickube record prod.jsonl.gz --context prod
    sonickube record prod.jsonl.zst --redact --for 3600
    """
    from sonickube_tui import assemble, settings

    chosen = settings.load(flags | {"engine": flags["engine"] or "silent"}, config)
    source = _watched(chosen, stdin=stdin, headless=True)
    assemble.play(
        chosen,
        source,
        headless=True,
        seconds=seconds,
        clusters=chosen.contexts,
        record=file,
        quiet=True,
    )


@cli.command()
@click.argument(
    "files", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE...", nargs=-1, required=True
)
@click.option("--from", "start", metavar="WHEN", default="", help="Begin there: 12:03:10, 5m20s or 80%.")
@click.option(
    "--speed", type=click.FloatRange(0.1, 100), metavar="TIMES", default=1.0, help="0.1 to 100. Default: 1."
)
@click.option("--loop", metavar="WHEN-WHEN", default="", help="Repeat a part: 12:03-12:05 or 5m-6m30s.")
@click.option("--derive", is_flag=True, help="Tell the events anew, by what was recorded of the pods.")
@click.option("--own-mix", is_flag=True, help="Your mix of that cluster in place of the recorded one.")
@click.option(
    "--its-snippets",
    is_flag=True,
    help="Play the recorded snippets. They are code of whoever recorded them, with all your rights.",
)
@click.option("--check", is_flag=True, help="Play nothing: say what would be played, and how often.")
@settings_flags
@headless_flag
@time_flag
@click.help_option("-h", "--help")
def replay(
    files: tuple[Path, ...],
    headless: bool,
    seconds: float | None,
    check: bool,
    config: Path | None,
    start: str,
    speed: float,
    loop: str,
    derive: bool,
    own_mix: bool,
    its_snippets: bool,
    **flags: Any,
) -> None:
    """Hear and see recorded sessions again; several files become one, and - is stdin.

    FILE is a recording, also one that still grows, or what kubectl get pods -w -o json wrote. It is heard in
    the theme of its recording, --theme says otherwise, and with the snippets that are installed here.

    \b
    sonickube replay prod.jsonl.gz --from 12:03:10 --speed 10
    sonickube replay eu.jsonl.gz us.jsonl.gz --theme zen
    sonickube replay prod.jsonl.gz --check
    """
    from sonickube_tui import playback, settings
    from sonickube_tui.session.commands import describe_check

    wishes = playback.Wishes(
        start=start,
        loop=loop,
        speed=speed,
        its_theme=flags["theme"] is None,
        own_mix=own_mix,
        its_snippets=its_snippets,
        derive=derive,
    )
    chosen = settings.load(flags, config)
    if check:
        click.echo("\n".join(describe_check(playback.would_play(files, chosen, wishes))))
    else:
        playback.play(files, chosen, wishes, headless=headless, seconds=seconds)


@cli.command()
@click.option(
    "--scenario",
    metavar="NAME",
    default="incident",
    show_default=True,
    help="calm, rollout, incident, storm.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed tells the same story.")
@pod_flags
@settings_flags
@play_flags
@click.help_option("-h", "--help")
def demo(
    scenario: str,
    seed: int,
    seconds: float | None,
    headless: bool,
    record: Path | None,
    config: Path | None,
    **flags: Any,
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
    source = assemble.simulation(chosen, scenario, seed)
    assemble.play(chosen, source, headless=headless, seconds=seconds, record=record)


@cli.command()
@cluster_flags
@pod_flags
@settings_flags
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
        click.echo(plain(f"{name:<12} {read_theme(file).description}"))


def main() -> None:
    """The console script."""
    cli(prog_name="sonickube")
