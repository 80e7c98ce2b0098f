"""What a request asks for: list options read from a URL's query, and which objects they select."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sonickube_tui.cluster.simulated.selectors import Requirement, parse_fields, parse_labels
from sonickube_tui.cluster.simulated.status import bad_request, invalid_options
from sonickube_tui.cluster.simulated.store import Entry, Resource

_FORBIDDEN = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden"


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
    timeout: int | None = None

    @property
    def since(self) -> int:
        """`resourceVersion` as a number; 0 when it is empty: any state will do."""
        return _number("resourceVersion", self.version)


def parse(query: Mapping[str, str], resource: Resource, namespace: str) -> Query:
    """Read a URL's query. Raises ApiError 400 or 422 where the real server would."""
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
        timeout=_number("timeoutSeconds", query.get("timeoutSeconds", "")) or None,
    )
    if parsed.match:
        if parsed.watch:
            raise invalid_options(f"{_FORBIDDEN} for watch")
        if not parsed.version:
            raise invalid_options(f"{_FORBIDDEN} unless resourceVersion is provided")
        if parsed.match not in ("Exact", "NotOlderThan"):
            raise invalid_options(f'resourceVersionMatch: Unsupported value: "{parsed.match}"')
    return parsed


def _truth(query: Mapping[str, str], name: str) -> bool:
    # As the real server: the parameter's mere presence is true.
    return query.get(name, "false").lower() not in ("false", "0")


def _number(name: str, text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise bad_request(f'{name}: Invalid value: "{text}": strconv.ParseUint: invalid syntax')
    return int(text or 0)
