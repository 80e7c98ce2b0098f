"""The last hundred thousand events, and which of them a filter shows. Knows nothing of the screen."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

from sonickube_tui.entry import Entry

LIMIT = 100_000


class History:
    """Entries by their `seq`, which counts up by one; the oldest are forgotten.

    As a sequence it is what the filter shows, oldest first.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._texts: deque[str] = deque()
        self._words: tuple[str, ...] = ()
        self._shown: deque[int] | None = None
        self._first = 1
        self.forgotten = 0
        """How many of the shown entries were forgotten since the filter was set."""

    @property
    def _oldest(self) -> int:
        return self._entries[0].seq if self._entries else self._first

    def clear(self, first: int) -> None:
        """Forget all; what has a number before `first` stays forgotten."""
        self._entries.clear()
        self._texts.clear()
        self._first = first
        self.filter(" ".join(self._words))

    def put(self, entry: Entry) -> None:
        """Take in a new entry, or a newer state of one that is known; one that is forgotten stays so."""
        place = entry.seq - self._oldest
        if place < 0:
            return
        if place < len(self._entries):
            self._entries[place] = entry
            return
        self._entries.append(entry)
        self._texts.append(_text(entry))
        if self._shown is not None and self._matches(self._texts[-1]):
            self._shown.append(entry.seq)
        if len(self._entries) > self._limit:
            self._forget()

    def _forget(self) -> None:
        seq = self._entries.popleft().seq
        self._texts.popleft()
        if self._shown is None:
            self.forgotten += 1
        elif self._shown and self._shown[0] == seq:
            self._shown.popleft()
            self.forgotten += 1

    def filter(self, text: str) -> None:
        """Show only entries in which all words of `text` occur, whatever their case; empty shows all."""
        self._words = tuple(text.lower().split())
        self.forgotten = 0
        self._shown = None
        if self._words:
            oldest = self._oldest
            self._shown = deque(oldest + n for n, text in enumerate(self._texts) if self._matches(text))

    def _matches(self, text: str) -> bool:
        return all(word in text for word in self._words)

    @property
    def total(self) -> int:
        """How many entries are kept, shown or not."""
        return len(self._entries)

    def __len__(self) -> int:
        return len(self._entries) if self._shown is None else len(self._shown)

    def __getitem__(self, row: int) -> Entry:
        if self._shown is None:
            return self._entries[row]
        return self._entries[self._shown[row] - self._oldest]

    def row(self, seq: int) -> int:
        """The row at which an entry is shown, or of the next one after it that is."""
        if self._shown is None:
            return min(max(0, seq - self._oldest), len(self._entries))
        return bisect_left(self._shown, seq)


def _text(entry: Entry) -> str:
    event = entry.event
    return " ".join(
        (
            event.channel,
            event.pod,
            event.kind,
            event.kind.words,
            event.severity,
            event.reason,
            event.owner,
            event.node,
            event.message,
        )
    ).lower()
