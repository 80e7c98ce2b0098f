"""How a Sonic Pi is named."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from sonickube_tui.engine.address import Address, parse_address, without_numbers
from sonickube_tui.engine.osc import pack_code
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
        ("4557", "must be HOST:PORT or HOST:PORT:TOKEN, not '…'"),
        ("localhost:", "must be HOST:PORT"),
        ("localhost:0", "between 1 and 65535"),
        ("localhost:70000", "between 1 and 65535"),
        ("localhost:4557:99999999999", "signed 32-bit"),
        ("localhost:4557:secret", "not 'localhost:…:…'"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "1234567890",
        "-1234567890",
        "localhost:1234567890",
        "localhost:-1234567890",
        "localhost:-1234567890:4557",
        "localhost:4557:-1234567890:x",
        "localhost:4557:1234567890 ",
        "localhost:4557:12345678901234567890",
        "token=1234567890",
    ],
)
def test_a_wrong_address_is_refused_without_the_token_that_may_be_in_it(text: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_address(text)
    assert "1234567890" not in str(refused.value)


def test_a_token_is_sent_and_never_shown() -> None:
    address = Address("127.0.0.1", 33002, -1234567890)
    assert address.token == -1234567890
    assert (
        pack_code(address, "x")[12:24]
        == b",is\x00" + (-1234567890).to_bytes(4, "big", signed=True) + b"x\0\0\0"
    )
    shown = (
        f"{address} {address!r} {address.token} {address.token!r} {address.token:>12} {pretty_repr(address)}"
    )
    for text in (shown, render(address)):
        assert "1234567890" not in text


def render(address: Address) -> str:
    """A crash in whose frames the address is, as the console shows one."""
    try:
        token, known = address.token, {"address": [address]}
        raise ValueError(len(known), token is None)
    except ValueError:
        console = Console(width=200, record=True, file=StringIO())
        console.print(Traceback(show_locals=True))
    text = console.export_text()
    assert "known" in text
    return text


def test_a_number_of_unknown_meaning_is_left_out_of_a_text() -> None:
    said = "Token: -1234567890, port=4557 (v5, 1.2.3) token1234567890 at 12:00:01"
    assert without_numbers(said) == "Token: …, port=… (v5, ….….…) token… at …:…:…"


@pytest.mark.parametrize("show", [str, repr, pretty_repr])
def test_a_token_and_a_key_are_never_shown(show: Callable[[object], str]) -> None:
    assert "1234567890" not in show(Address("127.0.0.1", 33002, -1234567890))
    assert "cafe" not in show(Address("127.0.0.1", 4560, key="cafe"))
