"""Sessions as sound files, and the parts of the built-in player."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sonickube_tui.errors import UserError
from sonickube_tui.plain import plain

_OF_SONIC_PI = ("sonic_pi", "sonic_pi_app", "audio")


@click.command()
@click.argument("session", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--theme", metavar="NAME", help="Default: the recorded one, if it is installed.")
@click.option("--snippets", metavar="DIR", help="A folder of .rb snippets that come before the theme's.")
@click.option("--speed", type=click.FloatRange(0.1, 100), metavar="TIMES", default=1.0, help="0.1 to 100.")
@click.option("--from", "start", metavar="WHEN", default="", help="Begin there: 12:03:10, 5m20s or 80%.")
@click.option("--to", "end", metavar="WHEN", default="", help="End there.")
@click.option(
    "--only", multiple=True, metavar="NS", help="Only this namespace, or those that match 'team-*'."
)
@click.option(
    "--engine",
    type=click.Choice(["builtin", "sonic-pi"]),
    default="builtin",
    help="sonic-pi: one that runs, or else one that is installed, plays it in its time and records it. "
    "Default: builtin.",
)
@click.option(
    "--sonic-pi",
    metavar="HOST:PORT[:TOKEN]",
    help="Where it listens; with a token better as SONICKUBE_SONIC_PI. Default: found by its logs.",
)
@click.option("--sonic-pi-app", metavar="DIR", help="Where it is installed, to start it.")
@click.option("--audio", type=click.Choice(["auto", "dummy"]), help="dummy: start it on no sound hardware.")
@click.option("--bits", type=click.Choice(["16", "24"]), default="16", help="Of a sample. Default: 16.")
@click.option("--derive", is_flag=True, help="Tell the events anew, by what was recorded of the pods.")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Read this in place of config.toml."
)
@click.help_option("-h", "--help")
def bounce(
    session: Path,
    out: Path,
    speed: float,
    start: str,
    end: str,
    only: tuple[str, ...],
    engine: str,
    bits: str,
    derive: bool,
    config: Path | None,
    **flags: Any,
) -> None:
    """Write SESSION, as it would be heard, into the sound file OUT (.wav or .flac).

    The built-in player works it out faster than it would sound, without Sonic Pi or a sound card. The same
    session, snippets and version give the same bytes. A recording of kubectl's watch is a session, too.
    Sonic Pi takes as long as it sounds, and whatever else it plays meanwhile is in the file.

    \b
    sonickube bounce prod.jsonl.gz incident.flac
    sonickube bounce prod.jsonl.gz incident.wav --from 12:03 --to 12:10 --only shop --theme zen
    sonickube bounce prod.jsonl.gz incident.wav --engine sonic-pi --audio dummy
    """
    from sonickube_tui import playback, settings

    on_sonic_pi = engine == "sonic-pi"
    if not on_sonic_pi and (given := [name for name in _OF_SONIC_PI if flags[name]]):
        raise UserError(f"--{given[0].replace('_', '-')} goes with --engine sonic-pi")
    wishes = playback.Wishes(start=start, speed=speed, its_theme=flags["theme"] is None, derive=derive)
    done = playback.bounce(
        [session],
        out,
        settings.load(flags, config),
        wishes,
        end=end,
        only=only,
        bits=int(bits),
        on_sonic_pi=on_sonic_pi,
    )
    early = "" if done.whole else "; stopped early"
    unheard = f", {done.unheard:,} events unheard" if done.unheard else ""
    click.echo(f"{out}: {done.seconds:.1f} s, {done.voices:,} voices{unheard}{early}")
    for failure in done.failures:
        click.echo(f"sonickube: {plain(failure)}", err=True)


@click.group()
@click.help_option("-h", "--help")
def sound() -> None:
    """The parts of the built-in player, which sounds without Sonic Pi."""


@sound.command()
@click.help_option("-h", "--help")
def install() -> None:
    """Get what the built-in player needs, through npm, and make it ready.

    Ruby as WebAssembly, Sonic Pi's synth definitions and samples, checked by their sums, go into your data
    folder. It takes a minute once, and 150 MB; what is there already is left as it is.
    """
    from sonickube_tui.engine.builtin import parts
    from sonickube_tui.engine.builtin.install import install as get

    if absent := parts.absent_packages():
        raise UserError(absent)
    get(click.echo)


@sound.command()
@click.help_option("-h", "--help")
def status() -> None:
    """Say what of it is there, and what to do about the rest; exit code 1 when something is missing."""
    from sonickube_tui.engine.builtin import parts

    for part in parts.PARTS:
        there = "installed" if part.installed else "not installed"
        click.echo(f"{part.title} {part.version}: {there} ({part.licence})")
    if lack := parts.missing():
        click.echo("\n".join(lack))
        click.get_current_context().exit(1)
    click.echo("the built-in player is ready")
