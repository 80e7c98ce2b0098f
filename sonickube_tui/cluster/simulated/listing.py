"""Lists, whole or in pages. The pages of one list all show the state of its first page's moment."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from sonickube_tui.cluster.simulated import status
from sonickube_tui.cluster.simulated.query import Query
from sonickube_tui.cluster.simulated.store import Entry, Key, Store


class _Token(msgspec.Struct, frozen=True):
    """Where a list goes on: its version, and the last key of the page before."""

    version: int
    after: Key


def page(store: Store, query: Query) -> bytes:
    """One page as JSON. Raises ApiError: 400 for a bad token, 410 for an old one, 504 for a future one."""
    selection = query.selection
    version, after, limit = store.version, None, query.limit
    if query.token:
        if query.version not in ("", "0"):
            raise status.bad_request("specifying resource version is not allowed when using continue")
        token = _read(query.token)
        version, after = token.version, token.after
    elif query.since:
        # Without a match, a limit asks for that very version: the real server's legacy rule.
        if query.match == "Exact" or (limit and not query.match):
            version = query.since
        elif query.since > store.version:
            raise status.too_new(query.since, store.version)
    elif query.version:
        # From its cache (version 0) the real server gives everything at once, whatever the limit.
        limit = 0

    try:
        objects = store.at(version)
    except status.ApiError as error:
        if query.token and error.code == 410:
            raise status.page_expired() from None
        raise
    entries = sorted(
        (e for e in objects.values() if (after is None or e.key > after) and selection.selects(e)),
        key=lambda entry: entry.key,
    )
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if limit and len(entries) > limit:
        metadata["continue"] = _write(_Token(version, entries[limit - 1].key))
        # With selectors the real server does not know how many remain, and says nothing.
        if not selection.labels and not selection.fields:
            metadata["remainingItemCount"] = len(entries) - limit
        entries = entries[:limit]
    return _json(selection.resource.kind, selection.resource.head, metadata, entries)


def _json(kind: str, head: bytes, metadata: dict[str, Any], entries: list[Entry]) -> bytes:
    # In a list the items do not say their kind again.
    items = b",".join(b"{" + entry.body[len(head) :] for entry in entries)
    return b'{"kind":"%sList","apiVersion":"v1","metadata":%s,"items":[%s]}' % (
        kind.encode(),
        msgspec.json.encode(metadata),
        items,
    )


def _write(token: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()


def _read(text: str) -> _Token:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=_Token)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise status.bad_request(f"continue key is not valid: {error}") from None
