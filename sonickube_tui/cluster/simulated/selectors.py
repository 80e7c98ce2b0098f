"""Label and field selectors: the grammar and the words of the real server.

Sources: apimachinery's `pkg/labels/selector.go` and `pkg/fields/selector.go`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NoReturn

import msgspec

from sonickube_tui.cluster.simulated.status import ApiError, bad_request

_TOKEN = re.compile(r"\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)")
_MARKS = frozenset({"=", "==", "!=", "!", "(", ")", ",", "<", ">", ""})
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_FIELD_TERM = re.compile(r"(?P<path>[^=!]+)(?P<operator>==|!=|=)(?P<value>[^=!]*)")


class Requirement(msgspec.Struct, frozen=True):
    """One condition on a set of labels or fields; those of a selector all have to hold."""

    key: str
    operator: Literal["in", "notin", "exists", "absent"]
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet it. A label that is missing is not in any set, so `!=` and `notin` hold."""
        if self.operator == "in":
            return labels.get(self.key) in self.values
        if self.operator == "notin":
            return labels.get(self.key) not in self.values
        return (self.key in labels) is (self.operator == "exists")


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """`a=b,c!=d,e in (x,y),f notin (z),g,!h`. Raises ApiError 400 with the real server's message."""
    return _LabelParser(text).requirements()


def parse_fields(text: str, known: frozenset[str]) -> tuple[Requirement, ...]:
    """`metadata.name=a,spec.nodeName!=b`. Raises ApiError 400 for nonsense and for a field not in `known`."""
    requirements = []
    for term in filter(None, text.split(",")):
        parts = _FIELD_TERM.fullmatch(term)
        if parts is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        if parts["path"] not in known:
            raise bad_request(f"field label not supported: {parts['path']}")
        operator: Literal["in", "notin"] = "notin" if parts["operator"] == "!=" else "in"
        requirements.append(Requirement(parts["path"], operator, frozenset({parts["value"]})))
    return tuple(requirements)


class _LabelParser:
    """Recursive descent over tokens; the end of the text is an empty token."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [*_TOKEN.findall(text), ""]
        self._at = 0

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def requirements(self) -> tuple[Requirement, ...]:
        found: list[Requirement] = []
        while self._next:
            if self._next in _MARKS and self._next != "!":
                self._fail("expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except ApiError as error:
                raise bad_request(f"unable to parse requirement: {error}") from None
            if self._next not in (",", ""):
                self._fail("expected: ',' or 'end of string'")
            if self._take() == "," and self._next in _MARKS - {"!"}:
                self._fail("expected: identifier after ','")
        return tuple(found)

    def _requirement(self) -> Requirement:
        absent = self._next == "!"
        if absent:
            self._take()
        if self._next in _MARKS:
            self._fail("expected: identifier")
        key = self._take()
        _check_key(key)
        if self._next in (",", ""):
            return Requirement(key, "absent" if absent else "exists")
        operator = self._next
        if absent or operator not in ("=", "==", "!=", "in", "notin"):
            self._fail("expected: '=', '!=', '==', 'in', notin'")
        self._take()
        values = self._set() if operator in ("in", "notin") else frozenset({self._value()})
        for value in values:
            if value and not _NAME.fullmatch(value):
                raise bad_request(f'invalid label value: "{value}": at key: "{key}"')
        return Requirement(key, "notin" if operator in ("!=", "notin") else "in", values)

    def _value(self) -> str:
        if self._next in (",", ""):
            return ""
        if self._next in _MARKS:
            self._fail("expected: identifier")
        return self._take()

    def _set(self) -> frozenset[str]:
        if self._next != "(":
            self._fail("expected: '('")
        self._take()
        if self._next == ")":
            raise bad_request("for 'in', 'notin' operators, values set can't be empty")
        values = set()
        while True:
            # Nothing before a comma or a bracket is the empty value.
            values.add("" if self._next in (",", ")") else self._value())
            if self._next not in (",", ")"):
                self._fail("expected: ',' or ')'")
            if self._take() == ")":
                return frozenset(values)

    def _fail(self, expected: str) -> NoReturn:
        raise bad_request(f"found '{self._next}', {expected}")


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if (slash and not _PREFIX.fullmatch(prefix)) or not _NAME.fullmatch(name):
        raise bad_request(f'invalid label key "{key}"')
