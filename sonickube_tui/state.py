"""What is kept between two starts: the mix of each cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.music.mixer import DIM_DB, Channel, Mixer
from sonickube_tui.settings import state_folder
from sonickube_tui.whole import write_whole

LONGEST = 200
"""Letters of a file's name: 255 are usual, and a draft needs some more than the file."""


def mix_file(clusters: Iterable[str]) -> Path:
    """Where the mix of a cluster is kept, or of several together; a name may hold any character."""
    name = "+".join(quote(cluster, safe="@ ") for cluster in sorted(clusters))
    if len(name) > LONGEST:
        name = hashlib.sha256(name.encode()).hexdigest()
    return state_folder() / "mix" / f"{name}.json"


def load_mix(file: Path, dim_db: float = DIM_DB) -> Mixer:
    """The mix that was kept, or a fresh one. Raises UserError when the file is not a mix."""
    try:
        return Mixer(msgspec.json.decode(file.read_bytes(), type=tuple[Channel, ...]), dim_db=dim_db)
    except FileNotFoundError:
        return Mixer(dim_db=dim_db)
    except (OSError, ValueError) as error:
        raise UserError(
            f"the mix in {file} cannot be read ({error}); move it away to begin a new one"
        ) from None


def save_mix(file: Path, mixer: Mixer) -> None:
    """Keep the mix; the old file stays whole until the new one is. Raises OSError."""
    write_whole(file, msgspec.json.format(msgspec.json.encode(list(mixer))))
