"""From what is heard to samples, by the built-in player's parts, as fast as they can."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sonickube_tui.bounce.plan import Heard, Mixed
from sonickube_tui.engine.builtin.files import Files
from sonickube_tui.engine.builtin.mix import Samples
from sonickube_tui.engine.builtin.offline import Move, Take, offline
from sonickube_tui.engine.builtin.score import Ended, Failed, ScoreEvent
from sonickube_tui.engine.builtin.vm import installed_ruby
from sonickube_tui.music.render import event_data

STEP = 4.0
"""Seconds that a run is worked out at once."""

LONGEST = 60.0
"""Seconds after which a run is worked out no further: a loop would never end."""


class Performance:
    """Plays what is heard. The same voices, mixes and sound files give the same samples.

    `samples` are the folders in which snippets may find sound files.
    """

    def __init__(self, samples: Sequence[Path]) -> None:
        self.failures: list[tuple[str, Failed]] = []
        """Which snippets failed, and how."""
        self._decoded = TemporaryDirectory(prefix="sonickube-", ignore_cleanup_errors=True)
        self._ruby = installed_ruby(Files(samples, Path(self._decoded.name)))

    def samples(self, cues: Iterable[Heard | Mixed], *, seconds: float) -> Generator[Samples, None, None]:
        """The samples of cues in order of time, for at most so many seconds.

        A row for each frame, a column for each ear. Another thread takes the cues, up to where this is
        closed. Raises WorldDied when SuperCollider's engine cannot be had.
        """
        return offline(self._moves(cues), seconds=seconds)

    def _moves(self, cues: Iterable[Heard | Mixed]) -> Iterator[Take | Move]:
        recent: dict[int, Heard] = {}
        for cue in cues:
            if isinstance(cue, Heard):
                number = cue.voice.id
                recent[number] = cue
                yield Take(at=cue.at, run=number, events=self._score(cue), level=cue.voice.level)
                continue
            recent = {number: heard for number, heard in recent.items() if cue.at - heard.at < LONGEST}
            for number, heard in recent.items():
                event = heard.voice.event
                yield Move(at=cue.at, run=number, level=cue.mixer.level(event.channel, event.severity))

    def _score(self, heard: Heard) -> list[ScoreEvent]:
        voice = heard.voice
        self._ruby.start(voice.id, heard.text, event_data(voice), tempo=voice.tempo, seed=voice.id)
        events: list[ScoreEvent] = []
        reached = 0.0
        while reached < LONGEST and not (events and isinstance(events[-1], Ended)):
            reached += STEP
            events += self._ruby.advance(voice.id, reached)
        self._ruby.stop(voice.id)
        self.failures += [(voice.snippet, event) for event in events if isinstance(event, Failed)]
        return events

    def close(self) -> None:
        """Let go of Ruby, and of what was decoded."""
        self._ruby.close()
        self._decoded.cleanup()
