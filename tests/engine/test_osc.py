"""Datagrams: what leaves, what is refused, what is ignored; and the engine against a peer of 4.x's rules."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage

from peer import Running, peer
from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Done, PacketTooLarge, Started
from sonickube_tui.engine.osc import MAX_DATAGRAM, pack_code, unpack
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.errors import UserError
from sonickube_tui.event import Event, Kind
from sonickube_tui.music.voice import Voice

THREE = Address("127.0.0.1", 4557)
FOUR = Address("127.0.0.1", 4557, -5)


def voice(number: int) -> Voice:
    event = Event(at=0, cluster="c", namespace="shop", pod="cart-1", uid="u", kind=Kind.READY)
    return Voice(id=number, event=event, snippet="ready")


def test_the_first_argument_is_a_name_until_3_and_the_token_as_an_int_from_4() -> None:
    assert pack_code(THREE, "play 60").startswith(b"/run-code\x00\x00\x00,ss\x00")
    four = pack_code(FOUR, "play 60")
    assert four.startswith(b"/run-code\x00\x00\x00,is\x00" + struct.pack(">i", -5))
    assert OscMessage(four).params == [-5, "play 60"]


def test_the_largest_datagram_passes_and_the_next_is_refused() -> None:
    overhead = len(pack_code(THREE, ""))
    longest = "x" * (MAX_DATAGRAM - overhead + 3)
    assert len(pack_code(THREE, longest)) == MAX_DATAGRAM
    with pytest.raises(PacketTooLarge, match="16,388 bytes; Sonic Pi drops those over 16,384: shorten"):
        pack_code(THREE, longest + "x")


@given(
    st.binary(max_size=200)
    | st.binary(max_size=100).map(lambda tail: b"/sonickube/x\x00\x00\x00\x00,iss" + tail)
)
def test_any_bytes_are_a_message_or_nothing(datagram: bytes) -> None:
    message = unpack(datagram)
    assert message is None or isinstance(message[0], str)


async def test_voices_of_version_4_report_back() -> None:
    sonic_pi, address = await peer(-99)
    async with Running(SonicPi(Ways(named=address))) as running:
        status = await running.statuses.get()
        assert status.sounding
        assert status.name == f"Sonic Pi 4.5.1 :{address.port}"
        running.engine.play(voice(1), "play 60")
        await running.until(reports=2)
        first, second = running.reports
        assert isinstance(first, Started)
        assert (first.voice, first.job, second) == (1, 40, Done(1))
        assert running.engine.last_packet is not None
        assert running.engine.last_packet.code == sonic_pi.codes[-1]


async def test_a_wrong_token_is_no_sonic_pi() -> None:
    _, address = await peer(1)
    engine = SonicPi(Ways(named=Address(address.host, address.port, 2), required=True))
    with pytest.raises(UserError, match=f"no Sonic Pi answers at :{address.port}: start it"):
        await engine.run(lambda report: None, lambda status: None)


async def test_packets_that_do_not_carry_our_secret_are_counted_and_ignored() -> None:
    sonic_pi, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.statuses.get()
        sonic_pi.answers = False
        running.engine.play(voice(1), "play 60")
        async with asyncio.timeout(30):
            while len(sonic_pi.codes) < 2:
                await asyncio.sleep(0.01)
            sonic_pi.report(sonic_pi.codes[-1], prefix="/sonickube/0000000000000000/")
            while running.engine.ignored < 2:
                await asyncio.sleep(0.01)
        assert running.reports == []
        sonic_pi.report(sonic_pi.codes[-1])
        await running.until(reports=2)


async def test_a_closed_port_is_known_at_once() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    transport.close()
    await asyncio.sleep(0)
    with pytest.raises(UserError, match="no Sonic Pi answers"):
        await SonicPi(Ways(named=Address("127.0.0.1", port), required=True)).run(
            lambda r: None, lambda s: None
        )
