"""Every byte of a datagram: the OSC 1.0 specification's examples, and ours against an encoder by hand."""

from __future__ import annotations

import hashlib
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import PacketTooLarge
from sonickube_tui.engine.bridge import sealed
from sonickube_tui.engine.osc import MAX_BRIDGED, MAX_DATAGRAM, pack_code, unpack

THREE = Address("127.0.0.1", 4557)
FOUR = Address("127.0.0.1", 33002, 1_234_567_890)
NEGATIVE = Address("127.0.0.1", 33002, -(2**31))
KEY = "0123456789abcdef" * 2
BRIDGE = Address("127.0.0.1", 4560, key=KEY)
UNSEALED = (THREE, FOUR, NEGATIVE)

FREQUENCY = bytes.fromhex(
    "2f 6f 73 63 69 6c 6c 61 74 6f 72 2f 34 2f 66 72 65 71 75 65 6e 63 79 00  2c 66 00 00  43 dc 00 00"
)
FOO = bytes.fromhex(
    "2f 66 6f 6f 00 00 00 00  2c 69 69 73 66 66 00 00  00 00 03 e8  ff ff ff ff"
    "68 65 6c 6c 6f 00 00 00  3f 9d f3 b6  40 b5 b2 2d"
)


def string(text: str) -> bytes:
    """UTF-8, ended by one to four NULs so that its length is a multiple of 4."""
    data = text.encode() + b"\x00"
    return data + b"\x00" * (-len(data) % 4)


def by_hand(address: Address, code: str) -> bytes:
    """The datagram as the facts on Sonic Pi's protocol have it."""
    if address.token is None:
        return string("/run-code") + string(",ss") + string("sonickube") + string(code)
    return string("/run-code") + string(",is") + struct.pack(">i", address.token) + string(code)


def test_the_specifications_example_of_one_float_is_read() -> None:
    assert unpack(FREQUENCY) == ("/oscillator/4/frequency", [440.0])


def test_the_specifications_example_of_five_arguments_is_read() -> None:
    assert unpack(FOO) == ("/foo", [1000, -1, "hello", pytest.approx(1.234), pytest.approx(5.678)])


@pytest.mark.parametrize("lost", range(1, 21))
def test_the_specifications_example_cut_short_is_nothing_or_says_no_more_than_it_did(lost: int) -> None:
    # python-osc completes a last float that is cut, for the sake of one program that sends such.
    address, args = unpack(FOO[:-lost]) or ("/foo", [1000, -1])
    assert (address, args[:2]) == ("/foo", [1000, -1])


@pytest.mark.parametrize("address", UNSEALED, ids=["3.x", "token", "negative token"])
@pytest.mark.parametrize("code", ["", "p", "pl", "pla", "play", "play 60\nsleep 1", "# ♪ 🎶", "x" * 8000])
def test_code_is_packed_byte_by_byte_as_by_hand(address: Address, code: str) -> None:
    assert pack_code(address, code) == by_hand(address, code)


@given(
    st.sampled_from(UNSEALED),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=500),
)
def test_any_code_comes_out_as_it_went_in(address: Address, code: str) -> None:
    datagram = pack_code(address, code)
    assert OscMessage(datagram).params[-1] == code
    assert datagram == by_hand(address, code)


def test_the_bridge_gets_code_below_its_moment_sealed_with_the_key_and_each_is_newer() -> None:
    before, moments = time.time(), [0.0]
    for code in ("play 60\nsleep 1", "# ♪ 🎶", "", *("x" for _ in range(1000))):
        address, [seal, text] = unpack(pack_code(BRIDGE, code)) or ("", [])
        assert (address, seal) == ("/sonickube/run", hashlib.sha256((text + KEY).encode()).hexdigest())
        moment, _, sealed_code = text.partition("\n")
        assert sealed_code == code
        moments.append(float(moment))
    assert moments == sorted(set(moments))
    assert moments[1] >= before - 1e-5


def test_a_clock_that_is_put_back_does_not_make_old_what_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    _, now = sealed(KEY, "")
    monkeypatch.setattr(time, "time", lambda: 1.0)
    _, later = sealed(KEY, "")
    assert float(later) > float(now)


@pytest.mark.parametrize(
    ("address", "limit", "spare", "says"),
    [
        (THREE, MAX_DATAGRAM, 3, "16,388 bytes; Sonic Pi drops those over 16,384: shorten the snippet"),
        (NEGATIVE, MAX_DATAGRAM, 3, "16,388 bytes; Sonic Pi drops those over 16,384: shorten the snippet"),
        (BRIDGE, MAX_BRIDGED, 1, "8,196 bytes; the bridge drops those over 8,192: shorten the snippet"),
    ],
    ids=["3.x", "token", "bridge"],
)
def test_the_longest_packet_passes_and_one_more_character_is_refused(
    address: Address, limit: int, spare: int, says: str
) -> None:
    longest = "x" * (limit - len(pack_code(address, "")) + spare)
    assert len(pack_code(address, longest)) == limit
    with pytest.raises(PacketTooLarge, match=says):
        pack_code(address, longest + "x")


def test_bytes_count_and_not_characters() -> None:
    with pytest.raises(PacketTooLarge):
        pack_code(THREE, "🎶" * (MAX_DATAGRAM // 4))
