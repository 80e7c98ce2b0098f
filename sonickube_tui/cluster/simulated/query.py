"""What a request asks for: list options read from a URL's query, and which objects they select."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sonickube_tui.cluster.simulated.selectors import Requirement, parse_fields, parse_labels
from sonickube_tui.cluster.simulated.status import bad_request, invalid_options
from sonickube_tui.cluster.simulated.store import Entry, Resource

_MATCH = "resourceVersionMatch: Forbidden:"
_FORBIDDEN = f"{_MATCH} resourceVersionMatch is forbidden"
_INITIAL = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden"


class Selection(msgspec.Struct, frozen=True):
    """Objects of one resource, in one namespace or in all (empty), narrowed by selectors."""

    resource: Resource
    namespace: str = ""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def selects(self, entry: Entry) -> bool:
        """Whether the object belongs to the selection."""
        resource, namespace, _ = entry.key
        return (
            resource == self.resource.plural
            and (not self.namespace or namespace == self.namespace)
            and all(requirement.holds(entry.labels) for requirement in self.labels)
            and all(requirement.holds(entry.fields) for requirement in self.fields)
        )


class Query(msgspec.Struct, frozen=True):
    """The list options that this server knows; `version` and `match` are as written, empty when not given."""

    selection: Selection
    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial: bool | None = None
    """Whether a watch is to begin with what is there and say where that ends; None: it does not matter."""
    timeout: int | None = None

    @property
    def since(self) -> int:
        """`resourceVersion` as a number; 0 when it is empty: any state will do."""
        return _number("resourceVersion", self.version)


def parse(
    query: Mapping[str, str], resource: Resource, namespace: str, *, streams_lists: bool = True
) -> Query:
    """Read a URL's query. Raises ApiError 400 or 422 where the real server would.

    `streams_lists` is the real server's feature WatchList: it knows sendInitialEvents.
    """
    parsed = Query(
        selection=Selection(
            resource,
            namespace,
            parse_labels(query.get("labelSelector", "")),
            parse_fields(query.get("fieldSelector", ""), resource.fields),
        ),
        limit=_number("limit", query.get("limit", "")),
        token=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        watch=_truth(query, "watch"),
        bookmarks=_truth(query, "allowWatchBookmarks"),
        initial=_truth(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
        timeout=_number("timeoutSeconds", query.get("timeoutSeconds", "")) or None,
    )
    if problem := _initial_problem(parsed, streams_lists) or _match_problem(parsed):
        raise invalid_options(problem)
    return parsed


def _initial_problem(query: Query, streams_lists: bool) -> str:
    if query.initial is None:
        return ""
    if not query.watch:
        return f"{_INITIAL} for list"
    if not streams_lists:
        return f"{_INITIAL} for watch unless the WatchList feature gate is enabled"
    if query.match != "NotOlderThan":
        return f"{_MATCH} sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    return ""


def _match_problem(query: Query) -> str:
    if not query.match or query.initial is not None:
        return ""
    if query.watch:
        return f"{_FORBIDDEN} for watch unless sendInitialEvents is provided"
    if not query.version:
        return f"{_FORBIDDEN} unless resourceVersion is provided"
    if query.match not in ("Exact", "NotOlderThan"):
        return f'resourceVersionMatch: Unsupported value: "{query.match}"'
    return ""


def _truth(query: Mapping[str, str], name: str) -> bool:
    # As the real server: the parameter's mere presence is true.
    return query.get(name, "false").lower() not in ("false", "0")


def _number(name: str, text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise bad_request(f'{name}: Invalid value: "{text}": strconv.ParseUint: invalid syntax')
    return int(text or 0)
