"""What the system's signals do while a loop runs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress


def on_signals(act: Callable[[], object], *names: str) -> None:
    """Call `act` on the running loop when one of the signals comes, as "SIGTERM".

    Where the system has no such signal or, as Windows, its loop no handlers, nothing happens.
    """
    for name in names:
        with suppress(AttributeError, NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(getattr(signal, name), act)
