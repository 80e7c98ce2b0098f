"""How a Sonic Pi is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sonickube_tui.engine.address import Address, parse_address
from sonickube_tui.errors import UserError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4557", Address("127.0.0.1", 4557)),
        ("localhost:33002:-1234567890", Address("localhost", 33002, -1234567890)),
        ("[::1]:4557", Address("::1", 4557)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("4557", "must be HOST:PORT or HOST:PORT:TOKEN, not '4557'"),
        ("localhost:", "must be HOST:PORT"),
        ("localhost:0", "between 1 and 65535, not 0"),
        ("localhost:70000", "between 1 and 65535, not 70000"),
        ("localhost:4557:99999999999", "signed 32-bit"),
        ("localhost:4557:secret", "not 'localhost:4557:…'"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_address(text)


@pytest.mark.parametrize("show", [str, repr])
def test_a_token_and_a_key_are_never_shown(show: Callable[[object], str]) -> None:
    assert "1234567890" not in show(Address("127.0.0.1", 33002, -1234567890))
    assert "cafe" not in show(Address("127.0.0.1", 4560, key="cafe"))
