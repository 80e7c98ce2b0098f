"""What is kept between two starts: the mix of each cluster."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.music.mixer import DIM_DB, Channel, Mixer
from sonickube_tui.settings import state_folder


def mix_file(cluster: str) -> Path:
    """Where a cluster's mix is kept; a context's name may hold any character."""
    return state_folder() / "mix" / f"{quote(cluster, safe='@ ')}.json"


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
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(list(mixer))))
    draft.replace(file)
