"""Real Ruby in a sandbox: snippets in, scores out.

Each run has a Ruby of its own, so that no snippet can disturb another whatever it redefines. That is cheap:
Ruby is booted and the prelude loaded once, the memory that this changed is kept, and a new run is a new
instance of the compiled module with a copy of it: some 5 ms and 6 MB, instead of 300 ms.

A run sees no files, no network, no other program and no clock to wait for; its memory is limited, and so is
the real time for each advance.
"""

from __future__ import annotations

import base64
import math
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import wasmtime

from sonickube_tui.engine.builtin import chance, parts
from sonickube_tui.engine.builtin.files import Files, answer
from sonickube_tui.engine.builtin.instruments import Instrument, instruments
from sonickube_tui.engine.builtin.language import NO_EFFECT, NOT_IN
from sonickube_tui.engine.builtin.score import (
    Control,
    Effect,
    EffectEnd,
    Ended,
    Failed,
    Play,
    Sample,
    ScoreEvent,
)
from sonickube_tui.engine.builtin.wasm import Instance, RubyError, compiled
from sonickube_tui.music.preparser import PreParseError, preparse

SECONDS = 1.0
"""Seconds of real time in which an advance must be worked out: a hundred times what snippets take."""

TICK = 0.1
"""Seconds between two looks at whether time is over."""

LAST_WORDS = 3
"""Ticks in which a Ruby that was ended must say at which line that was."""

TAIL = 1.0
"""Seconds that an effect rings on when its run had to be ended: Sonic Pi's own, where an effect has none."""

PRELUDE = (
    "options", "wire", "random", "rings", "theory", "tuning", "nodes", "strands", "clock", "time", "threads",
    "cues", "score", "instruments", "sounds", "files", "samples", "effects", "mixer", "patterns", "run",
)  # fmt: skip
"""The files of our Ruby, in the order of loading."""


class Ruby:
    """Ruby, booted, with the language and what it must know of synths and samples.

    Runs may be worked out in several threads at the same time, each run in one at a time.

    `wasm` is the module `ruby.wasm` of npm's `@ruby/3.4-wasm-wasi`; compiling it takes 10 to 40 seconds, and
    the result is kept in the folder `cache`. `files` are the user's own that snippets may play. An advance
    may take `seconds` of real time.
    Raises OSError when a file cannot be read, wasmtime.WasmtimeError when the module is no Ruby.
    """

    def __init__(
        self,
        wasm: Path,
        *,
        cache: Path,
        instruments: Mapping[str, Instrument],
        samples: Mapping[str, Sample],
        files: Files | None = None,
        seconds: float = SECONDS,
    ) -> None:
        config = wasmtime.Config()
        config.epoch_interruption = True
        self._engine = wasmtime.Engine(config)
        self._module = compiled(self._engine, wasm, cache)
        self._seconds = seconds
        self._synths = {one.name for one in instruments.values()}
        self._samples = set(samples)
        self._files = files
        self._runs: dict[int, _Run] = {}
        booted = Instance(self._engine, self._module)
        booted.boot()
        for name in PRELUDE:
            file = Path(__file__).parent / "prelude" / f"{name}.rb"
            booted.run(f"eval({_text(file.read_bytes())}, TOPLEVEL_BINDING, '{name}.rb', 1); GC.start")
        table = {name: msgspec.to_builtins(one) for name, one in instruments.items()}
        lengths = {name: [sample.seconds, sample.channels] for name, sample in samples.items()}
        booted.run(
            f"Instruments.load(Wire.read({_packed(table)}, symbols: true), Wire.read({_packed(lengths)}))\n"
            f"Run.refuse(Wire.read({_packed(NOT_IN)}))\n"
            f"Run.ignore(Wire.read({_packed(NO_EFFECT)}))\nGC.start"
        )
        booted.run(f"Chance.streams = {{ white: {_bytes(chance.second())} }}; GC.start")
        self._image = booted.difference_from(Instance(self._engine, self._module))
        self._closed = threading.Event()
        self._clock = threading.Thread(target=self._tick, name="clock", daemon=True)
        self._clock.start()

    def start(self, run: int, text: str, event: Mapping[str, object], *, tempo: float, seed: int) -> None:
        """Make a run ready: nothing of the snippet has run yet.

        `event` is what the snippet finds in `ev`, `tempo` the beats per minute, `seed` that of its random
        numbers. A run of the same number is stopped.
        """
        self.stop(run)
        text = text.encode("utf-8", "replace").decode()
        refused = None
        try:
            ruby = preparse(text)
        except PreParseError as error:
            ruby, refused = "", Failed(0.0, "PreParseError", str(error), error.line)
        instance = Instance(self._engine, self._module, partial(answer, self._files))
        instance.become(self._image)
        told = {
            "text": ruby,
            "event": event,
            "tempo": tempo,
            "seed": seed,
        }
        instance.run(f"Run.begin(Wire.read({_packed(told)}, symbols: true))")
        self._runs[run] = _Run(instance, text.count("\n") + 1, refused)

    def advance(self, run: int, until: float) -> list[ScoreEvent]:
        """Work a run out up to `until` seconds of its virtual time, and give what is new, in order of time.

        The run is over when the last event is `Ended`; it is forgotten then, as it is when the sandbox had to
        end it. Raises KeyError for a run that is over.
        """
        going = self._runs[run]
        if going.refused:
            self.stop(run)
            return [going.refused, Ended(0.0)]
        try:
            # The first tick may come at once.
            going.instance.limit(math.ceil(self._seconds / TICK) + 1)
            events = _decoder.decode(going.instance.ask(f"Run.advance({float(until)!r})"))
            events = [self._believed(event) for event in events]
        except _ENDED as error:
            # (What was worked out before is lost: it was not given yet.)
            kind, message = _refusal(error, self._seconds)
            at = going.reached
            ends = [EffectEnd(at, node, TAIL) for node in reversed(going.effects)]
            line = 0 if isinstance(error, RubyError | msgspec.MsgspecError) else self._line(going)
            events = [Failed(at, kind, message, line), *ends, Ended(at)]
        going.went_on(until, events)
        if events and isinstance(events[-1], Ended):
            self.stop(run)
        return events

    def _line(self, ended: _Run) -> int:
        """At which of the snippet's lines a run was ended; 0 when its Ruby cannot say any more.

        Ruby is asked anew, on the stack that it left. When it was ended while it tidied its memory, it breaks
        on the first question and answers the second.
        """
        for _ in range(2):
            ended.instance.limit(LAST_WORDS)
            with suppress(ValueError, *_ENDED):
                ended.instance.revive()
                line = int(ended.instance.ask("Score.here.to_s"))
                return line if 0 < line <= ended.lines else 0
        return 0

    def _believed(self, event: ScoreEvent) -> ScoreEvent:
        """The event, with a file in place of its name. Raises RubyError when a snippet tampered with it."""
        numbers = [event.at]
        if isinstance(event, Play | Effect | Control):
            numbers += event.args.values()
        elif isinstance(event, EffectEnd):
            numbers.append(event.tail)
        if not all(map(math.isfinite, numbers)):
            raise RubyError("a number that is none")
        if isinstance(event, Play | Effect) and event.synth not in self._synths:
            raise RubyError(f"there is no {event.synth[:50]}")
        if isinstance(event, Play) and event.sample and event.sample not in self._samples:
            decoded = self._files and self._files.decoded(event.sample)
            if not decoded:
                raise RubyError(f"there is no sample {event.sample[:50]}")
            return msgspec.structs.replace(event, sample=str(decoded))
        return event

    def memory(self, run: int) -> int:
        """How many bytes of `MEMORY` a run has taken."""
        return self._runs[run].instance.size

    def close(self) -> None:
        """Forget all runs, and Ruby."""
        for run in list(self._runs):
            self.stop(run)
        self._closed.set()
        self._clock.join()
        self._module.close()
        self._engine.close()

    def stop(self, run: int) -> None:
        """Forget a run, if there is one."""
        if over := self._runs.pop(run, None):
            over.instance.close()

    def _tick(self) -> None:
        while not self._closed.wait(TICK):
            self._engine.increment_epoch()


def installed_ruby(files: Files | None = None, *, seconds: float = SECONDS) -> Ruby:
    """Ruby with the parts that are installed, and the user's own files. Raises OSError without a part."""
    return Ruby(
        parts.ruby(),
        cache=parts.compiled(),
        instruments=instruments(parts.synthdefs()),
        samples=parts.samples(),
        files=files,
        seconds=seconds,
    )


class _Run:
    """A run and its Ruby: the lines of its text, how far it was worked out, which of its effects are open.

    `refused` says why its text is not even read.
    """

    def __init__(self, instance: Instance, lines: int, refused: Failed | None) -> None:
        self.instance = instance
        self.lines = lines
        self.refused = refused
        self.reached = 0.0
        self.effects: list[int] = []

    def went_on(self, until: float, events: Iterable[ScoreEvent]) -> None:
        """Keep what must be known when the run has to be ended."""
        self.reached = until
        for event in events:
            if isinstance(event, Effect):
                self.effects.append(event.node)
            elif isinstance(event, EffectEnd) and event.node in self.effects:
                self.effects.remove(event.node)


_decoder = msgspec.msgpack.Decoder(list[ScoreEvent])

_ENDED = (wasmtime.WasmtimeError, wasmtime.Trap, wasmtime.ExitTrap, msgspec.MsgspecError, RubyError)
"""What a snippet that breaks its Ruby may come to."""


def _refusal(error: Exception, seconds: float) -> tuple[str, str]:
    """Class and message of what ended a run from outside."""
    text = str(error)
    if isinstance(error, wasmtime.Trap):
        if error.trap_code == wasmtime.TrapCode.INTERRUPT:
            return "Refused", f"took longer than {seconds:g} s to work out"
        if error.trap_code == wasmtime.TrapCode.STACK_OVERFLOW:
            return "SystemStackError", "stack level too deep"
    if isinstance(error, wasmtime.ExitTrap):
        return "NoMemoryError", "failed to allocate memory"
    return "Refused", text.splitlines()[-1].strip()[:200] if text else type(error).__name__


def _bytes(data: bytes) -> str:
    """Ruby text for a string of bytes."""
    return f'"{base64.b64encode(data).decode()}".unpack1("m")'


def _text(data: bytes) -> str:
    return f"{_bytes(data)}.force_encoding('utf-8')"


def _packed(value: object) -> str:
    return _bytes(msgspec.msgpack.encode(value))
