"""Files that are there whole, or as they were."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(file: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file with the folders above it; the old one stays until the new one is whole.

    With `private` file and folder are for the user's eyes only. Raises OSError.
    """
    file.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")
    if private:
        draft.unlink(missing_ok=True)
    mode = 0o600 if private else 0o666
    with open(draft, "xb" if private else "wb", opener=lambda path, flags: os.open(path, flags, mode)) as out:
        out.write(content)
    draft.replace(file)
