"""The random stream is Sonic Pi's to the bit, on a machine without one too."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sonickube_tui.engine.builtin import chance

SONIC_PIS = "e74bff97bc3a613ed6593b16aca1082ee77fc4e3cd20bf6b2d148e776e46b864"
"""Of the rand-stream.wav that Sonic Pi has had since 2.11."""


def test_the_file_is_sonic_pis(tmp_path: Path) -> None:
    file = tmp_path / "stream.wav"
    chance.write(file)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SONIC_PIS
    assert file.read_bytes().endswith(chance.second())
