"""Text from anywhere, made to fit a row of the screen."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

_CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233), " ")


def plain(text: str) -> str:
    """One line without control characters: a message from the cluster must not steer the terminal."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def fit(text: str, width: int) -> str:
    """Exactly `width` cells; what is too long ends in an ellipsis."""
    text = plain(text)
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return set_cell_size(text, width)


def fit_middle(text: str, width: int) -> str:
    """Exactly `width` cells; what is too long loses its middle, because a pod's name differs at its end."""
    text = plain(text)
    if (excess := len(text) - width) > 0 and width >= 8:
        tail = min(7, width // 2)
        text = f"{text[: -tail - excess - 1]}…{text[-tail:]}"
    return fit(text, width)
