"""What the built-in player needs and PyPI does not have: Ruby, Sonic Pi's synth definitions and samples.

They come once, through the npm client as it is set up on the machine, into the user's data folder. Versions
are pinned and checked against sums kept here, so what is installed is what was tested.
"""

from __future__ import annotations

import functools
import importlib.util
import platform
import shutil
from pathlib import Path

import msgspec
import platformdirs

from sonickube_tui.engine.builtin.score import Sample

EXTRAS = ("nanosynth", "miniaudio", "wasmtime", "soundfile", "numpy")
"""The Python packages of `sonickube-tui[sound]`."""

WHEELS = (("Linux", "x86_64"), ("Darwin", "arm64"))
"""Where nanosynth has wheels for, of the systems that the console runs on."""

INSTALL = "sonickube sound install"


class Part(msgspec.Struct, frozen=True, gc=False):
    """One npm package: the files `wanted` of it (a glob), kept flat in a folder named `name`-`version`."""

    name: str
    title: str
    package: str
    version: str
    sha256: str
    licence: str
    wanted: str
    licence_file: str = "package/LICENSE"

    @property
    def folder(self) -> Path:
        """Where it is when it is installed: it is there as a whole or not at all."""
        return folder() / f"{self.name}-{self.version}"

    @property
    def installed(self) -> bool:
        """Whether it is there."""
        return self.folder.is_dir()


RUBY = Part(
    name="ruby",
    title="Ruby 3.4 as WebAssembly",
    package="@ruby/3.4-wasm-wasi",
    version="2.10.1",
    sha256="2e709bd9eddefe1c5d63e9fc0391a35cce4754e936d8a2f24b8582f6d5c2ea88",
    licence="MIT, and Ruby's own",
    wanted="package/dist/ruby.wasm",
    licence_file="package/dist/NOTICE",
)
SYNTHS = Part(
    name="synths",
    title="Sonic Pi's synth definitions",
    package="supersonic-scsynth-synthdefs",
    version="0.59.0",
    sha256="55f068302b43108b4690ebf762919d1431c9a4971da2dd5727e32e21349db488",
    licence="MIT",
    wanted="package/synthdefs/sonic-pi-*.scsyndef",
)
SAMPLES = Part(
    name="samples",
    title="Sonic Pi's samples",
    package="supersonic-scsynth-samples",
    version="0.84.2",
    sha256="aff0b03208adb5dc7612dc7a4e86d55161188326bcff4dbc2d20ce9e1b94238c",
    licence="CC0-1.0",
    wanted="package/samples/*.flac",
)
PARTS = (RUBY, SYNTHS, SAMPLES)

INDEX = "index.json"
"""The file that lists the samples, beside them."""


def folder() -> Path:
    """The user's data folder for the parts."""
    return platformdirs.user_data_path("sonickube", appauthor=False) / "sound"


def missing() -> list[str]:
    """Why the built-in player cannot sound, a line for each reason with what to do; empty when it can.

    Looks at files only: nothing is imported, started or downloaded.
    """
    where = (platform.system(), platform.machine())
    if importlib.util.find_spec("nanosynth") is None and where not in WHEELS:
        # Without the engine the rest does not help.
        return [f"SuperCollider's engine (nanosynth) has no package for {' '.join(where)}: use Sonic Pi"]
    absent = absent_packages()
    reasons = [absent] if absent else []
    lacking = [part.title for part in PARTS if not part.installed]
    if lacking and shutil.which("npm") is None:
        reasons.append(f"{NO_NPM}, then {INSTALL}")
    elif lacking or not random_file().is_file():
        reasons.append(f"{', '.join(lacking) or 'the random stream'} not installed: {INSTALL}")
    return reasons


def absent_packages() -> str:
    """Which Python packages of the extra are not installed, and what to do; empty when all are."""
    absent = [name for name in EXTRAS if importlib.util.find_spec(name) is None]
    return f"Python's {', '.join(absent)} not installed: pip install 'sonickube-tui[sound]'" if absent else ""


NO_NPM = "npm, which brings the parts of the built-in player, is not installed: install Node.js"


def synthdefs() -> Path:
    """The folder of the compiled synth definitions."""
    return SYNTHS.folder


def ruby() -> Path:
    """Ruby's WebAssembly module."""
    return RUBY.folder / "ruby.wasm"


def compiled() -> Path:
    """The folder where Ruby is kept as machine code."""
    return folder() / "compiled"


def sample_file(sample: str) -> Path:
    """The WAV file of what a score calls a sample: the name of a built-in one, or the file itself."""
    return Path(sample) if Path(sample).is_absolute() else SAMPLES.folder / f"{sample}.wav"


@functools.cache
def sample_seconds(sample: str) -> float:
    """How long what a score calls a sample is at its own rate. Raises KeyError, and OSError for a file."""
    if not Path(sample).is_absolute():
        return samples()[sample].seconds
    import soundfile  # An extra, and 20 ms.

    return float(soundfile.info(sample).duration)


@functools.cache
def samples() -> dict[str, Sample]:
    """All built-in samples by name, as they were decoded."""
    return msgspec.json.decode((SAMPLES.folder / INDEX).read_bytes(), type=dict[str, Sample])


def random_file() -> Path:
    """The WAV file of the stream that random numbers are read from."""
    return folder() / "random-stream.wav"
