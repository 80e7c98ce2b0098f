"""Datagrams to and from Sonic Pi: code out, reports in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import OscMessageBuilder

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Packet, PacketTooLarge
from sonickube_tui.engine.bridge import sealed

MAX_DATAGRAM = 16_384
"""Bytes; Sonic Pi drops a longer datagram without a word, in every version."""

MAX_BRIDGED = 8_192
"""Bytes; a code of 12 KB killed the loop for cues of 3.2.2 and of 4.5.1."""

_TAGS = b",ifsbhdtTFN"
"""OSC's type tags, as far as Sonic Pi sends any."""

RUN_CODE = "/run-code"
BRIDGED_CODE = "/sonickube/run"


def pack_code(address: Address, code: str) -> bytes:
    """The datagram that makes Sonic Pi run `code`.

    Raises PacketTooLarge when Sonic Pi would drop it.
    """
    datagram = _seal(address, code) if address.bridge else _pack(address, RUN_CODE, code)
    limit = MAX_BRIDGED if address.bridge else MAX_DATAGRAM
    if len(datagram) > limit:
        who = "the bridge" if address.bridge else "Sonic Pi"
        raise PacketTooLarge(
            f"snippet and event make a packet of {len(datagram):,} bytes; "
            f"{who} drops those over {limit:,}: shorten the snippet"
        )
    return datagram


def _pack(address: Address, osc_address: str, text: str) -> bytes:
    """A message to Sonic Pi. Its first argument is the token from 4.x on, an OSC int; 2.7 to 3.x take any
    name there.
    """
    message = OscMessageBuilder(osc_address)
    if address.token is not None:
        message.add_arg(address.token, OscMessageBuilder.ARG_TYPE_INT)
    else:
        message.add_arg("sonickube", OscMessageBuilder.ARG_TYPE_STRING)
    message.add_arg(text, OscMessageBuilder.ARG_TYPE_STRING)
    return message.build().dgram


def _seal(address: Address, code: str) -> bytes:
    message = OscMessageBuilder(BRIDGED_CODE)
    for text in sealed(address.key, code):
        message.add_arg(text, OscMessageBuilder.ARG_TYPE_STRING)
    return message.build().dgram


def unpack(datagram: bytes) -> tuple[str, list[Any]] | None:
    """Address and arguments of an OSC message, or None for anything else."""
    # python-osc writes a line to stderr for every type tag that it does not know.
    tags = datagram.partition(b"\0")[2].lstrip(b"\0").partition(b"\0")[0]
    if tags.strip(_TAGS):
        return None
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

        `received` gets every datagram that comes from there, `refused` is called when nobody listens at
        `address`. Raises OSError when that host cannot be reached.
        """
        loop = asyncio.get_running_loop()
        outbox, _ = await loop.create_datagram_endpoint(
            lambda: _Outbox(refused), remote_addr=(address.host, address.port)
        )
        host, peer = (outbox.get_extra_info(name)[0] for name in ("sockname", "peername"))
        try:
            inbox, _ = await loop.create_datagram_endpoint(
                lambda: _Inbox(received, peer), local_addr=(host, 0)
            )
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
        return Packet(BRIDGED_CODE if address.bridge else RUN_CODE, len(datagram), code)

    def knock(self, address: Address, name: str = "sonickube") -> None:
        """Send what does nothing, so that the system tells when nobody listens there any more.

        Sonic Pi says the `name` again to its window.
        """
        if not address.bridge:
            self._outbox.sendto(_pack(address, "/ping", name))

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
    def __init__(self, received: Callable[[bytes], None], peer: str) -> None:
        self._received = received
        self._peer = peer

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if addr[0] == self._peer:
            self._received(data)
