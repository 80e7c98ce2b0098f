"""Which namespaces are meant by what `-n` was given: names, patterns and exclusions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from sonickube_tui.errors import UserError


class Wanted(msgspec.Struct, frozen=True):
    """Plain names, patterns as the shell has them (`*`, `?`, `[ab]`), and patterns of what is left out.

    With neither names nor patterns all namespaces are meant but those left out.
    """

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def has(self, namespace: str) -> bool:
        """Whether a namespace is meant; upper and lower case differ."""
        if _any(self.excluded, namespace):
            return False
        return not (self.names or self.patterns) or namespace in self.names or _any(self.patterns, namespace)

    @property
    def named(self) -> bool:
        """Whether the names alone say what is meant, without a look at which namespaces there are."""
        return bool(self.names) and not self.patterns

    def unmatched(self, namespaces: Iterable[str]) -> list[str]:
        """The patterns for which there is no namespace among these."""
        meant = [name for name in namespaces if self.has(name)]
        return [pattern for pattern in self.patterns if not any(fnmatchcase(name, pattern) for name in meant)]


def parse(given: Sequence[str]) -> Wanted:
    """Sort what the user gave; `!` excludes.

    Raises UserError when one is empty, or when the exclusions leave none of the names.
    """
    for one in given:
        if not one.removeprefix("!").strip():
            raise UserError(f"{one!r} is no namespace; -n takes a name, a pattern (team-*) or !pattern")
    excluded = tuple(dict.fromkeys(one[1:] for one in given if one.startswith("!")))
    included = list(dict.fromkeys(one for one in given if not one.startswith("!")))
    patterns = tuple(one for one in included if any(sign in one for sign in "*?["))
    names = tuple(one for one in included if one not in patterns and not _any(excluded, one))
    if included and not names and not patterns:
        raise UserError(f"-n {', '.join(given)} leaves no namespace: what is named is excluded as well")
    return Wanted(names, patterns, excluded)


def _any(patterns: Iterable[str], namespace: str) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)
