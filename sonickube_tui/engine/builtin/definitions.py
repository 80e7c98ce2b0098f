"""Sonic Pi's synth definitions as they must be for the engine we have, SuperCollider 3.14.

Sonic Pi has 3.13 or older. There these unit generators are a control block ahead of 3.14 from their beginning
on: EnvGen, LFSaw, LFTri, LFPulse and LFCub; and the segments of EnvGen, which every slide of an argument is
too, last whole control blocks, one at least. Where one modulates another, that is heard for as long as they
sound, so here they are given that lead and those lengths. At audio rate it is one frame, and is let go.

One definition (hoover) writes six channels. Sonic Pi has nobody on the four after its pair; here they would
be heard past the run's fader.
"""

from __future__ import annotations

import functools
import itertools
import struct
from pathlib import Path
from typing import Any

import msgspec

from sonickube_tui.engine.builtin.instruments import PREFIX
from sonickube_tui.engine.builtin.mix import CONTROL_BLOCK, RATE

_CONTROL = 1
"""The rate of a unit that works once in a control block; 0 is once for all, 2 is for each frame."""

_STEP = CONTROL_BLOCK / RATE
"""Seconds of a control block."""

_MORE = 0.0005
"""Of a step, added to whole ones: rounded down, a segment would end before it is where it leads."""

_CYCLES = {b"LFSaw": 2.0, b"LFTri": 4.0, b"LFPulse": 1.0, b"LFCub": 2.0}
"""In what an oscillator counts its phase: so much is a cycle."""

_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _EQUAL = 0, 1, 2, 4, 6
_MORE_THAN, _AT_MOST, _MAX, _TRUNCATE, _WRAP = 9, 10, 13, 21, 45
"""Operators of SuperCollider's BinaryOpUGen."""

_EXP = 15
"""An operator of its UnaryOpUGen."""

_CURVED = 5.0
"""The shape of a segment that has a curve."""

_NEVER = -99.0
"""The segment at which an envelope is held, when it is not."""

_CONSTANT = -1

Input = tuple[int, int]
"""A unit and which of its outputs, or -1 and a constant's number."""


class _Unit(msgspec.Struct, gc=False):
    name: bytes
    rate: int
    special: int
    inputs: list[Input]
    outputs: bytes


@functools.cache
def definitions(folder: Path) -> list[bytes]:
    """All definitions of a folder, mended. Raises OSError and ValueError when one cannot be read."""
    return [mended(file.read_bytes()) for file in sorted(folder.glob(f"{PREFIX}*.scsyndef"))]


def mended(definition: bytes) -> bytes:
    """A file with one compiled synth definition, mended.

    The format is SuperCollider's "Synth Definition File Format", versions 1 and 2. Raises ValueError.
    """
    try:
        return _Definition(definition).written()
    except (struct.error, IndexError) as error:
        raise ValueError(f"a compiled synth definition is cut off: {error}") from error


class _Definition:
    """Reads a definition unit by unit; some are changed, and others put before or after them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 4
        self._count = ">i" if self._take(">i") >= 2 else ">h"
        if data[:4] != b"SCgf" or self._take(">h") != 1:
            raise ValueError("not a file with one compiled synth definition")
        self._text()
        self._head = data[: self._at]
        self._constants = [self._take(">f") for _ in range(self._number())]
        arguments = self._at
        defaults = self._number()
        self._at += 4 * defaults
        for _ in range(self._number()):
            self._text()
            self._number()
        self._arguments = data[arguments : self._at]
        self._units: list[_Unit] = []
        places: list[int] = []
        for _ in range(self._number()):
            unit = self._unit()
            unit.inputs = [(at if at == _CONSTANT else places[at], which) for at, which in unit.inputs]
            places.append(self._mend(unit))
        self._variants = data[self._at :]

    def written(self) -> bytes:
        """It as a file."""
        parts = [self._head, self._packed(len(self._constants))]
        parts += [struct.pack(">f", value) for value in self._constants]
        parts += [self._arguments, self._packed(len(self._units))]
        for unit in self._units:
            parts += [bytes([len(unit.name)]), unit.name, struct.pack(">b", unit.rate)]
            parts += [self._packed(len(unit.inputs), len(unit.outputs)), struct.pack(">h", unit.special)]
            parts += [self._packed(*one) for one in unit.inputs]
            parts.append(unit.outputs)
        return b"".join([*parts, self._variants])

    def _mend(self, unit: _Unit) -> int:
        """Append a unit with what it needs; gives the unit whose output is to be taken for its."""
        inputs = unit.inputs
        if unit.name == b"Out":
            del inputs[3:]
        elif unit.rate == _CONTROL and unit.name in _CYCLES:
            way = self._op(_MULTIPLY, inputs[0], self._constant(_CYCLES[unit.name] * _STEP))
            inputs[1] = self._op(_ADD, inputs[1], way)
            if unit.name == b"LFSaw":  # It does not look whether it begins within its range.
                inputs[1] = self._op(_WRAP, inputs[1], self._constant(1.0))
        elif unit.rate == _CONTROL and unit.name == b"EnvGen":
            return self._envelope(unit)
        return self._append(unit)

    def _envelope(self, unit: _Unit) -> int:
        inputs, one = unit.inputs, self._constant(1.0)
        segments = [inputs[at : at + 4] for at in range(9, len(inputs), 4)]
        for segment in segments:  # Level, seconds, shape, curve; from here on with steps for seconds.
            steps = self._op(_TRUNCATE, self._op(_DIVIDE, segment[1], self._constant(_STEP)), one)
            segment[1] = self._op(_MAX, steps, one)
        begin = inputs[5]
        at_once = inputs[0][0] == _CONSTANT and self._value(inputs[7]) == _NEVER
        if at_once:
            inputs[5:7] = self._ahead(begin, segments)
        inputs[9:] = itertools.chain.from_iterable(segments)
        for at in range(10, len(inputs), 4):
            more = self._op(_ADD, inputs[at], self._constant(_MORE))
            inputs[at] = self._op(_MULTIPLY, more, self._constant(_STEP))
        envelope = self._append(unit)
        if at_once and self._value(begin) == 0.0:
            # What it multiplies comes in from nothing within the first block: this is 0 before it, then 1.
            fade = self._append(_Unit(b"RunningSum", _CONTROL, 0, [one, one], bytes([_CONTROL])))
            return self._op(_MULTIPLY, (envelope, 0), (fade, 0))[0]
        return envelope

    def _ahead(self, begin: Input, segments: list[list[Input]]) -> list[Input]:
        """Take a step from the segments of an envelope; gives where it begins then, and how many they are."""
        one = self._constant(1.0)
        to, steps, shape, curve = segments[0]
        short = self._op(_AT_MOST, steps, one)
        if self._value(shape) == _CURVED:  # Exponential with any curve; 0 would be divided by.
            lead = self._op(_SUBTRACT, one, short)
            curve = self._op(_ADD, curve, self._constant(0.001))
            part = self._op(_DIVIDE, self._bend(self._op(_DIVIDE, curve, steps)), self._bend(curve))
            rest = self._op(_DIVIDE, self._op(_SUBTRACT, steps, lead), steps)
            segments[0][3] = self._op(_MULTIPLY, curve, rest)
        else:  # Curves of other shapes are not followed.
            lead = self._op(_MORE_THAN, self._op(_EQUAL, shape, one), short)
            part = self._op(_DIVIDE, lead, steps)
        way = self._op(_MULTIPLY, self._op(_SUBTRACT, to, begin), part)
        segments[0][1] = self._op(_SUBTRACT, steps, lead)
        # When the first segment is that step, the second one is the first.
        for segment, following in itertools.pairwise(segments):
            segment[:] = [self._select(short, *both) for both in zip(segment, following, strict=True)]
        count = self._op(_SUBTRACT, self._constant(len(segments)), short)
        return [self._select(short, self._op(_ADD, begin, way), to), count]

    def _bend(self, curve: Input) -> Input:
        """1 - e ** curve."""
        exponent = _Unit(b"UnaryOpUGen", self._rate(curve), _EXP, [curve], bytes([self._rate(curve)]))
        return self._op(_SUBTRACT, self._constant(1.0), (self._append(exponent), 0))

    def _select(self, which: Input, no: Input, yes: Input) -> Input:
        if no == yes:
            return no
        return self._append(_Unit(b"Select", _CONTROL, 0, [which, no, yes], bytes([_CONTROL]))), 0

    def _value(self, one: Input) -> float | None:
        return self._constants[one[1]] if one[0] == _CONSTANT else None

    def _op(self, operator: int, left: Input, right: Input) -> Input:
        rate = max(self._rate(left), self._rate(right))
        return self._append(_Unit(b"BinaryOpUGen", rate, operator, [left, right], bytes([rate]))), 0

    def _append(self, unit: _Unit) -> int:
        self._units.append(unit)
        return len(self._units) - 1

    def _rate(self, one: Input) -> int:
        return 0 if one[0] == _CONSTANT else self._units[one[0]].outputs[one[1]]

    def _constant(self, value: float) -> Input:
        if value not in self._constants:
            self._constants.append(value)
        return _CONSTANT, self._constants.index(value)

    def _unit(self) -> _Unit:
        name, rate = self._text(), self._take(">b")
        inputs, outputs = self._number(), self._number()
        special = self._take(">h")
        read = [(self._number(), self._number()) for _ in range(inputs)]
        self._at += outputs
        return _Unit(name, rate, special, read, self._data[self._at - outputs : self._at])

    def _number(self) -> int:
        return int(self._take(self._count))

    def _packed(self, *numbers: int) -> bytes:
        return b"".join(struct.pack(self._count, number) for number in numbers)

    def _take(self, how: str) -> Any:
        (value,) = struct.unpack_from(how, self._data, self._at)
        self._at += struct.calcsize(how)
        return value

    def _text(self) -> bytes:
        size = self._data[self._at]
        self._at += 1 + size
        return self._data[self._at - size : self._at]
