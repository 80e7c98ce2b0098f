"""What a Sonic Pi answers to an expression, in a form that every version and the built-in player share."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

from sonic_pi import Recorder
from sonickube_tui.engine.osc import unpack

SHOW = """\
show = ->(v) {
  case v
  when nil, true, false, Symbol, Integer, String, Hash then v.inspect
  when Float then (v.round(4) + 0.0).to_s
  else v.respond_to?(:to_a) ? "[" + v.to_a.map(&show).join(", ") + "]" : v.to_s
  end
}
"""
"""Ruby for a value as text: whatever can be walked through is a list, floats have four digits."""

_RUN = """\
use_debug false
{show}
said = begin
  text = "{text}".unpack("m")[0].force_encoding("utf-8")
  show.call(eval(SonicPi::PreParser.preparse(text, SonicPi::Lang::Core.vec_fns), binding, "x", 1))
rescue Exception => e
  "! " + e.class.name.split("::").last
end
SonicPi::OSC::UDPClient.new("127.0.0.1", {port}).send("/answer", {number}, said)
"""


def answers(server: Recorder, expressions: Sequence[str]) -> list[str]:
    """What it answers to each, in a run of its own; an error is `!` and its class. Empty when none comes."""
    found: dict[int, str] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("127.0.0.1", 0))
        inbox.settimeout(0.5)
        port = inbox.getsockname()[1]
        end = time.monotonic() + 60 + len(expressions)
        for number, expression in enumerate(expressions):
            text = base64.b64encode(expression.encode()).decode()
            server.run(_RUN.format(show=SHOW, text=text, port=port, number=number))
            with suppress(TimeoutError):
                while number not in found and time.monotonic() < end:
                    _, (asked, said) = unpack(inbox.recv(65536)) or ("", (0, ""))
                    found[int(asked)] = str(said)
    return [found.get(number, "") for number in range(len(expressions))]
