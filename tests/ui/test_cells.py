"""Text from anywhere fits its cells and cannot steer the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sonickube_tui.ui.cells import fit, fit_middle, plain


@given(st.text(), st.integers(0, 40))
def test_it_has_exactly_the_width_and_no_control_characters(text: str, width: int) -> None:
    for fitted in (fit(text, width), fit_middle(text, width)):
        assert cell_len(fitted) == width
        assert not any(ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 for sign in fitted)


def test_escape_sequences_become_harmless() -> None:
    assert plain("\x1b[2Jgone\r\n\x9b31m") == " [2Jgone   31m"


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [
        ("ledger-0", 10, "ledger-0  "),
        ("cart-7f9c6d5b48-x2j4q", 21, "cart-7f9c6d5b48-x2j4q"),
        ("cart-7f9c6d5b48-x2j4q", 16, "cart-7f9…8-x2j4q"),
        ("cart-7f9c6d5b48-x2j4q", 4, "car…"),
    ],
)
def test_a_pod_that_is_too_long_keeps_its_end(text: str, width: int, fitted: str) -> None:
    assert fit_middle(text, width) == fitted
