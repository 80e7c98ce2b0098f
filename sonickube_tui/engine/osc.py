"""Datagrams to and from Sonic Pi: code out, reports in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import OscMessageBuilder

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Packet, PacketTooLarge

MAX_DATAGRAM = 16_384
"""Bytes; Sonic Pi drops a longer datagram without a word, in every version."""

RUN_CODE = "/run-code"


def pack_code(address: Address, code: str) -> bytes:
    """The datagram that makes Sonic Pi run `code`.

    Its first argument is the token from 4.x on, an OSC int; 2.7 to 3.x take any name there.
    Raises PacketTooLarge when Sonic Pi would drop it.
    """
    message = OscMessageBuilder(RUN_CODE)
    if address.token is None:
        message.add_arg("sonickube", OscMessageBuilder.ARG_TYPE_STRING)
    else:
        message.add_arg(address.token, OscMessageBuilder.ARG_TYPE_INT)
    message.add_arg(code, OscMessageBuilder.ARG_TYPE_STRING)
    datagram = message.build().dgram
    if len(datagram) > MAX_DATAGRAM:
        raise PacketTooLarge(
            f"snippet and event make a packet of {len(datagram):,} bytes; "
            f"Sonic Pi drops those over {MAX_DATAGRAM:,}: shorten the snippet"
        )
    return datagram


def unpack(datagram: bytes) -> tuple[str, list[Any]] | None:
    """Address and arguments of an OSC message, or None for anything else."""
    try:
        message = OscMessage(datagram)
    except (ParseError, UnicodeDecodeError, ValueError, IndexError):
        return None
    return message.address, message.params


class Link:
    """Two UDP sockets: one aimed at Sonic Pi, which the system tells when nobody listens there, and one of
    ours for the reports, which come from another port than the one we send to.
    """

    def __init__(self, outbox: asyncio.DatagramTransport, inbox: asyncio.DatagramTransport) -> None:
        self._outbox = outbox
        self._inbox = inbox

    @classmethod
    async def open(
        cls, address: Address, received: Callable[[bytes], None], refused: Callable[[], None]
    ) -> Link:
        """Aim at `address`, and bind a free port on the interface that leads there.

        `received` gets every datagram that comes, `refused` is called when nobody listens at `address`.
        Raises OSError when that host cannot be reached.
        """
        loop = asyncio.get_running_loop()
        outbox, _ = await loop.create_datagram_endpoint(
            lambda: _Outbox(refused), remote_addr=(address.host, address.port)
        )
        host = outbox.get_extra_info("sockname")[0]
        try:
            inbox, _ = await loop.create_datagram_endpoint(lambda: _Inbox(received), local_addr=(host, 0))
        except OSError:
            outbox.close()
            raise
        return cls(outbox, inbox)

    @property
    def local(self) -> tuple[str, int]:
        """Host and port where reports arrive."""
        host, port = self._inbox.get_extra_info("sockname")[:2]
        return host, port

    def send(self, address: Address, code: str) -> Packet:
        """Send code to be run. Raises PacketTooLarge."""
        datagram = pack_code(address, code)
        self._outbox.sendto(datagram)
        return Packet(RUN_CODE, len(datagram), code)

    def close(self) -> None:
        """Give both ports back."""
        self._outbox.close()
        self._inbox.close()


class _Outbox(asyncio.DatagramProtocol):
    def __init__(self, refused: Callable[[], None]) -> None:
        self._refused = refused

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionRefusedError):
            self._refused()


class _Inbox(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._received(data)
