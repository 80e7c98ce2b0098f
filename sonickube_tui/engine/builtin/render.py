"""From a run's score to the commands that scsynth is given, as Sonic Pi itself would give them."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping

import msgspec
from pythonosc.osc_message_builder import build_msg

from sonickube_tui.engine.builtin import synths
from sonickube_tui.engine.builtin.mix import BLOCK, RATE
from sonickube_tui.engine.builtin.score import Control, Effect, EffectEnd, Ended, Kill, Play, ScoreEvent

STRIPS = 64
"""How many runs can sound at once, each on a stereo output of its own."""

RUN_AMP = 0.3
"""The amplitude at which Sonic Pi starts a run's mixer."""

MAIN_AMP = 1.0
"""The amplitude of the main mixer up to Sonic Pi 3.x; 4.x has 6."""

LEAD_IN = BLOCK
"""Frames that a run's mixers are there before it begins: their first block is silent."""

AHEAD = round(0.5 * RATE)
"""Frames that Sonic Pi works ahead: so long before an effect begins, what sounds in it has its place."""

EARLY = {"sonic-pi-fx_pitch_shift": round(0.005 * RATE)} | {
    f"sonic-pi-fx_{name}": AHEAD for name in ("eq", "gverb", "reverb", "tanh")
}
"""Frames that some effects begin before their time: `trigger_with_logical_clock?` in `synthinfo.rb`. Most
begin with what sounds in them, these as soon as they are asked for, and one by Sonic Pi's control delta.
"""

AFTERWARDS = 0.1
"""Seconds that a run's mixer goes on after its last sound: its limiter looks 20 ms ahead."""

EFFECT_BUSES = 1024
BUSES = 6 * STRIPS + 2 * EFFECT_BUSES
"""Audio buses: the outputs, for each run a pair into its mixer and one into its main mixer, the effects'."""

RAND_BUFFER = 0
"""The buffer that holds Sonic Pi's random stream."""

_WITH_RAND_BUFFER = ("sonic-pi-fx_slicer", "sonic-pi-fx_panslicer", "sonic-pi-fx_wobble")

_HEAD, _TAIL = 0, 1
_FOREVER = 1 << 62
_CONTROLS_KEPT = 32

MEMORY = 10 * RATE
"""Frames for which a sound is thought to ring on in the effect that it is in."""


class Command(msgspec.Struct, gc=False):
    """One OSC message for a frame, the sample it needs, and the frame after which it makes no difference.

    `last` is the last frame at which what it began sounds by itself; in an effect it matters longer.
    """

    frame: int
    message: bytes
    until: int = 0
    last: int = 0
    sample: str = ""

    def matters(self, frame: int) -> bool:
        """Whether it is still to be heard at a frame."""
        return self.until > frame and self.last > frame - MEMORY


class Resources:
    """Numbers of nodes, sample buffers and effect buses, which all runs share."""

    def __init__(self) -> None:
        self._nodes = 1000
        self._buffers: dict[str, int] = {}
        self._free: list[tuple[int, int]] = []
        self._unused = iter(range(6 * STRIPS, BUSES, 2))

    def node(self) -> int:
        """A node number nobody had."""
        self._nodes += 1
        return self._nodes

    def buffer(self, sample: str) -> int:
        """The number of a sample's buffer."""
        return self._buffers.setdefault(sample, RAND_BUFFER + 1 + len(self._buffers))

    def bus(self, frame: int) -> int | None:
        """A pair of buses that is free at that frame; None when all are in use."""
        if self._free and self._free[0][0] <= frame:
            return heapq.heappop(self._free)[1]
        return next(self._unused, None)

    def release(self, bus: int, frame: int) -> None:
        """Give a pair of buses back, from that frame on."""
        heapq.heappush(self._free, (frame, bus))


class _Node(msgspec.Struct):
    """A sound or an effect: what is controlled, what is freed, until when it sounds, and its commands.

    `place` is where it sounds. What sounds in an effect is put into the group `inner`, onto the pair `bus`,
    which is its `own` unless there was none for it; `since` is the frame from which on these are there. Its
    `controls` count among its commands.
    """

    id: int
    freed: int
    until: int
    commands: list[Command]
    place: int = 0
    inner: int = 0
    bus: int = 0
    own: bool = False
    since: int = 0
    controls: int = 0


class Scribe:
    """Writes one run, whose time begins at frame `start`, and which sounds on `strip`."""

    def __init__(self, strip: int, start: int, resources: Resources) -> None:
        self._resources = resources
        self.strip = strip
        self.start = start
        self.end: int | None = None
        """The frame from which on nothing of it sounds; None while that is not known."""
        self._group, inner = resources.node(), resources.node()
        self._root = _Node(
            self._group,
            self._group,
            _FOREVER,
            [],
            inner=inner,
            bus=2 * STRIPS + 4 * strip,
            since=start - LEAD_IN,
        )
        self._nodes: dict[int, _Node] = {0: self._root}

    def begin(self) -> list[Command]:
        """The run's groups and its two mixers."""
        root, frame = self._root, self._root.since
        run = {"in_bus": root.bus, "out_bus": root.bus + 2, "amp": RUN_AMP}
        main = {"in_bus": root.bus + 2, "out_bus": 2 * self.strip, "amp": MAIN_AMP}
        return [
            self._keep(root, frame, "/g_new", root.id, _TAIL, 0),
            self._keep(root, frame, "/g_new", root.inner, _HEAD, root.id),
            *(
                self._keep(
                    root, frame, "/s_new", synth, self._resources.node(), _TAIL, root.id, *_flat(arguments)
                )
                for synth, arguments in (("sonic-pi-basic_mixer", run), ("sonic-pi-mixer", main))
            ),
        ]

    def write(self, events: Iterable[ScoreEvent]) -> list[Command]:
        """The commands of the events that come next; what is neither sound nor silence has none."""
        commands: list[Command] = []
        for event in events:
            frame = self.start + round(event.at * RATE)
            match event:
                case Play():
                    commands += self._play(event, frame)
                case Effect():
                    commands += self._effect(event, frame)
                case EffectEnd() if event.node in self._nodes:
                    commands += self._effect_end(event, frame)
                case Control() if event.node in self._nodes:
                    commands += self._control(event, frame)
                case Kill() if event.node in self._nodes:
                    commands += self._free(event.node, frame)
                case Ended():
                    last = self._last(frame, self._nodes.values())
                    commands += self.finish(last + round(AFTERWARDS * RATE))
        return commands

    def finish(self, frame: int) -> list[Command]:
        """Silence it at a frame; what it is given afterwards is in vain."""
        self.end = frame if self.end is None else min(frame, self.end)
        for node in self._nodes.values():
            self._release(node, self.end)
            for command in node.commands:
                command.until = min(command.until, self.end)
        return [Command(self.end, build_msg("/n_free", [self._group]).dgram)]

    def _play(self, play: Play, frame: int) -> list[Command]:
        place = self._nodes.get(play.place, self._root)
        self._forget(frame)
        frame = max(frame, place.since)
        until = frame + math.ceil(synths.seconds(play) * RATE)
        node = _Node(number := self._resources.node(), number, until, [], play.place)
        self._nodes[play.node] = node
        arguments = play.args | {"out_bus": place.bus}
        if play.sample:
            arguments["buf"] = self._resources.buffer(play.sample)
        command = self._keep(
            node,
            frame,
            "/s_new",
            play.synth,
            node.id,
            _TAIL,
            place.inner,
            *_flat(arguments),
            sample=play.sample,
        )
        self._heard_in(place, command)
        return [command]

    def _effect(self, effect: Effect, frame: int) -> list[Command]:
        place = self._nodes.get(effect.place, self._root)
        since = max(frame - AHEAD, place.since)
        frame = max(frame - EARLY.get(effect.synth, 0), since)
        bus = self._resources.bus(since)
        if bus is None:  # As in Sonic Pi, what is in it is heard without it.
            self._nodes[effect.node] = _Node(
                0, 0, _FOREVER, [], effect.place, inner=place.inner, bus=place.bus, since=place.since
            )
            return []
        container = self._resources.node()
        node = _Node(
            self._resources.node(),
            container,
            _FOREVER,
            [],
            effect.place,
            inner=self._resources.node(),
            bus=bus,
            own=True,
            since=since,
        )
        self._nodes[effect.node] = node
        arguments: dict[str, float] = effect.args | {"in_bus": bus, "out_bus": place.bus}
        if effect.synth in _WITH_RAND_BUFFER:
            arguments["rand_buf"] = RAND_BUFFER
        return [
            self._keep(node, since, "/g_new", container, _TAIL, place.inner),
            self._keep(node, since, "/g_new", node.inner, _HEAD, container),
            self._keep(node, frame, "/s_new", effect.synth, node.id, _TAIL, container, *_flat(arguments)),
        ]

    def _effect_end(self, event: EffectEnd, frame: int) -> list[Command]:
        inside = (node for node in self._nodes.values() if node.place == event.node)
        return self._free(event.node, self._last(frame, inside) + math.ceil(event.tail * RATE))

    def _control(self, control: Control, frame: int) -> list[Command]:
        node = self._nodes[control.node]
        if not node.id or frame >= node.until:
            return []
        command = self._keep(node, frame, "/n_set", node.id, *_flat(control.args))
        node.controls += 1
        if node.controls > _CONTROLS_KEPT:
            command.last = frame
        return [command]

    def _free(self, number: int, frame: int) -> list[Command]:
        node = self._nodes[number]
        if frame >= node.until:
            return []
        node.until = frame
        if not node.freed:
            return []
        self._release(node, frame)
        command = self._keep(node, frame, "/n_free", node.freed)
        place = self._nodes.get(node.place, self._root)
        for one in node.commands:
            one.until = one.last = frame
            self._heard_in(place, one)
        return [command]

    def _heard_in(self, place: _Node, command: Command) -> None:
        """What sounds in an effect makes a difference as long as the effect does."""
        if place.own and place is not self._root:
            command.until = place.until
            place.commands.append(command)

    def _release(self, node: _Node, frame: int) -> None:
        if node.own:
            node.own = False
            self._resources.release(node.bus, frame)

    def _forget(self, frame: int) -> None:
        """Drop what has ended, so that a loop without end stays small."""
        if len(self._nodes) % 256:
            return
        gone = [number for number, node in self._nodes.items() if node.until < frame - RATE]
        for number in gone:
            del self._nodes[number]
        for node in self._nodes.values():
            node.commands = [command for command in node.commands if command.matters(frame)]

    @staticmethod
    def _last(frame: int, nodes: Iterable[_Node]) -> int:
        """When the last of the nodes of which that is known ends, but not before a frame."""
        return max((node.until for node in nodes if frame < node.until < _FOREVER), default=frame)

    @staticmethod
    def _keep(node: _Node, frame: int, address: str, *arguments: str | float, sample: str = "") -> Command:
        message = build_msg(address, arguments).dgram
        command = Command(frame, message, node.until, node.until, sample)
        node.commands.append(command)
        return command


def _flat(arguments: Mapping[str, float]) -> Iterable[str | float]:
    for name, value in arguments.items():
        yield name
        yield value
