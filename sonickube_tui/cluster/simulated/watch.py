"""One watch: a cursor into the store's history. It keeps nothing of its own, so a slow one costs nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sonickube_tui.cluster.simulated import status
from sonickube_tui.cluster.simulated.query import Selection
from sonickube_tui.cluster.simulated.store import Change, ChangeType, Entry, Store, at_version

BACKLOG = 2_048
"""Changes that may wait for a watcher; with more it is ended, and can still resume from the history."""


class Watch:
    """What a watcher has seen and what it has yet to see.

    `since` is the version to go on from, or 0: then all objects of now come first, as ADDED, unless `initial`
    says otherwise. With `mark` a bookmark says where they end.
    """

    def __init__(
        self,
        store: Store,
        selection: Selection,
        since: int,
        *,
        initial: bool | None = None,
        mark: bool = False,
    ) -> None:
        self._store = store
        self._selection = selection
        self._opened = store.version
        self._first = since == 0 if initial is None else initial
        self._mark = mark
        self.version = since or (0 if self._first else store.version)

    @property
    def lags(self) -> bool:
        """Whether more than `BACKLOG` changes since its opening still wait."""
        return self._store.version - max(self.version, self._opened) > BACKLOG

    def take(self, limit: int) -> tuple[bytes, bool]:
        """Lines for what happened, and whether there is more; it looks at up to `limit` changes.

        Raises ApiError 410 when what comes next is forgotten.
        """
        if self._first:
            self._first = False
            self.version = self._store.version
            entries = sorted(self._store.at(self.version).values(), key=lambda entry: entry.key)
            first = b"".join(_line("ADDED", e) for e in entries if self._selection.selects(e))
            return first + (self.bookmark(ends_list=True) if self._mark else b""), False
        if self.version < self._store.oldest:
            raise status.too_old(self.version, self._store.oldest)
        upto = min(self._store.version, self.version + limit)
        lines = [_line(*seen) for version in range(self.version + 1, upto + 1) for seen in self._see(version)]
        # A version may lie in the future: then there is nothing to see until it has passed.
        self.version = max(self.version, upto)
        return b"".join(lines), self.version < self._store.version

    def _see(self, version: int) -> Iterator[tuple[ChangeType, Entry]]:
        """A change as this watcher sees it: what no longer matches is DELETED, what begins to is ADDED."""
        change: Change = self._store.change(version)
        selects = self._selection.selects
        was = change.before is not None and selects(change.before)
        now = change.type != "DELETED" and selects(change.after)
        if now:
            yield ("MODIFIED" if was else "ADDED"), change.after
        elif was and change.before is not None:
            gone = change.after if change.type == "DELETED" else at_version(change.before, version)
            yield "DELETED", gone

    def bookmark(self, *, ends_list: bool = False) -> bytes:
        """The line that tells how far the watcher has come; `containers: null` as a real server has it."""
        annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if ends_list else {}
        pod = self._selection.resource.plural == "pods"
        body = {
            "kind": self._selection.resource.kind,
            "apiVersion": "v1",
            "metadata": {"resourceVersion": str(self.version), "creationTimestamp": None, **annotations},
            "spec": {"containers": None} if pod else {},
            "status": {},
        }
        return b'{"type":"BOOKMARK","object":%s}\n' % msgspec.json.encode(body)


def _line(change: ChangeType, entry: Entry) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (change.encode(), entry.body)


def error_line(error: status.ApiError) -> bytes:
    """The last line of a watch that fails: HTTP has said 200 already."""
    return b'{"type":"ERROR","object":%s}\n' % error.body()
