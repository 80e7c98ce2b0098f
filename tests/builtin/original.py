"""What the real Sonic Pi makes of a program: each message to its sound engine, each line and each error.

The server is asked to note them before it sends them, with the virtual time of the thread that they are from.
Knows nothing of pytest.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sonic_pi import SonicPiServer

HORIZON = 5.0
"""Seconds of a program that are compared."""

AHEAD = 2.0
"""Seconds that Sonic Pi works ahead here, so that a busy machine makes no thread late."""

BATCH = 8
"""Programs that run at the same time."""

_HOOK = """
$noted = File.open("{file}", "a")
$noted.sync = true
$names = {{}}
NOTE = ->(locals, what, at, args, due = Time.now - {ahead}) {{
  job = locals.get(:sonic_pi_spider_job_id)
  name = what == "/b_allocRead" ? "" : $names[job]
  if name
    began = locals.get(:sonic_pi_spider_start_time) || 0
    at ||= locals.get(:sonic_pi_spider_time) || 0
    plain = args.map {{ |arg| arg.is_a?(String) ? arg.dup.force_encoding("utf-8").scrub : arg }}
    times = [at, due].map {{ |time| (time.to_r - began.to_r).to_f }}
    $noted.write(::JSON.generate([name, what, times[0], plain, times[1]]) + "\\n")
  end
}}
SonicPi::Server.class_eval do
  alias_method :plain_osc, :osc
  define_method(:osc) do |*args|
    NOTE.call(__system_thread_locals, args[0], nil, args[1..])
    plain_osc(*args)
  end
  alias_method :plain_bundle, :osc_bundle
  define_method(:osc_bundle) do |ts, *args|
    at = args[0] == "/s_new" ? nil : ts - sched_ahead_time
    NOTE.call(__system_thread_locals, args[0], at, args[1..], ts - sched_ahead_time)
    plain_bundle(ts, *args)
  end
end
SonicPi::RuntimeMethods.module_eval do
  alias_method :plain_message, :__delayed_user_message
  define_method(:__delayed_user_message) do |text|
    NOTE.call(__system_thread_locals, "said", nil, [text])
    plain_message(text)
  end
  alias_method :plain_error, :__error
  define_method(:__error) do |error, *rest|
    line = error.backtrace.to_a.filter_map {{ |place| place[/\\Asnippet:(\\d+)/, 1] }}.first.to_i
    NOTE.call(__system_thread_locals, "failed", nil, [error.class.name, error.message, line])
    plain_error(error, *rest)
  end
end
set_sched_ahead_time! {ahead}
load_samples [:bd_haus, :loop_amen, :loop_garzul, :elec_blip, :misc_crow, :elec_wood, :drum_tom_lo_hard]
["tabla_", "drum_cymbal"].each {{ |name| load_samples name }}
$noted.write(::JSON.generate(["", "ready", 0, [], 0]) + "\n")
"""

RUN = """\
use_debug false
use_bpm {tempo}
use_random_seed {seed}
ev = ::JSON.parse("{event}".unpack1("m"), symbolize_names: true)
code = SonicPi::PreParser.preparse("{code}".unpack1("m").force_encoding("utf-8"), SonicPi::Lang::Core.vec_fns)
$names[__current_job_id] = "{name}"
eval(code, binding, "snippet", 1)
"""

Noted = tuple[str, float, list[Any], float]
"""What, when by the time of its thread, its arguments, and when the sound engine is to do it."""


def noted(
    server: SonicPiServer,
    programs: Mapping[str, str],
    *,
    event: Mapping[str, object],
    tempo: float,
    seed: int,
) -> dict[str, list[Noted]]:
    """Run programs by name; what each did in its first seconds."""
    file = server.home / "noted.jsonl"
    # (Sonic Pi would rewrite the text of a run, and refuses `line = ...`.)
    hook = base64_of(_HOOK.format(file=file, ahead=AHEAD).encode())
    server.run(f'require "json"\neval("{hook}".unpack1("m"), binding)')
    end = time.monotonic() + 30
    while not (file.is_file() and b"ready" in file.read_bytes()):
        if time.monotonic() > end:
            raise RuntimeError(f"Sonic Pi cannot be watched: {server.errors}")
        time.sleep(0.1)
    told = json.dumps(event).encode()
    for batch in _batches(programs):
        for name in batch:
            code = RUN.format(
                tempo=tempo,
                seed=seed,
                name=name,
                event=base64_of(told),
                code=base64_of(programs[name].encode()),
            )
            server.run(code)
            time.sleep(0.2)
        time.sleep(HORIZON + AHEAD + 0.5)
        server.run("__stop_other_jobs")
        time.sleep(0.5)
    notes = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    # Samples are loaded once for all.
    answers: dict[str, list[Noted]] = {
        name: [("sample", 0.0, args, 0.0) for _, what, _, args, _ in notes if what == "/b_allocRead"]
        for name in programs
    }
    for name, what, at, arguments, due in notes:
        if name:
            answers[name].append((what, at, arguments, due))
    return answers


def _batches(programs: Mapping[str, str]) -> Iterator[list[str]]:
    names = iter(programs)
    while batch := list(itertools.islice(names, BATCH)):
        yield batch


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def flac(file: Path) -> tuple[float, int]:
    """Seconds and channels of a FLAC file, as its first block tells (RFC 9639, 8.2)."""
    block = file.read_bytes()[:42]
    packed = int.from_bytes(block[18:26], "big")
    return (packed & (1 << 36) - 1) / (packed >> 44), (packed >> 41 & 7) + 1
