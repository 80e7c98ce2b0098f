"""Which namespaces are meant by names, patterns and exclusions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonickube_tui.cluster.patterns import parse
from sonickube_tui.errors import UserError

ALL = ["default", "kube-public", "kube-system", "shop", "team-a", "team-b", "team-ab"]
NAMES = st.text("abk-", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], ALL),
        (["shop"], ["shop"]),
        (["team-*"], ["team-a", "team-b", "team-ab"]),
        (["team-?"], ["team-a", "team-b"]),
        (["team-[bc]"], ["team-b"]),
        (["team-a", "*p"], ["shop", "team-a"]),
        (["Team-*"], []),
        (["team"], []),
        (["!shop"], ["default", "kube-public", "kube-system", "team-a", "team-b", "team-ab"]),
        (["!kube-*", "!team-*"], ["default", "shop"]),
        (["team-*", "!*b"], ["team-a"]),
        (["shop", "team-a", "!team-*"], ["shop"]),
    ],
)
def test_what_is_meant(given: list[str], meant: list[str]) -> None:
    wanted = parse(given)
    assert [name for name in ALL if wanted.has(name)] == meant


@given(st.lists(NAMES), st.lists(NAMES), NAMES)
def test_an_exclusion_wins_over_a_name_and_leaves_the_others_alone(
    patterns: list[str], excluded: list[str], name: str
) -> None:
    included = [f"{pattern}*" for pattern in patterns]
    both = parse([*included, *(f"!{one}" for one in excluded)])
    assert both.has(name) == (parse(included).has(name) and name not in excluded)


@given(NAMES, NAMES)
def test_a_star_stands_for_any_end(start: str, rest: str) -> None:
    assert parse([f"{start}*"]).has(start + rest)
    assert not parse([f"!{start}*"]).has(start + rest)


def test_a_pattern_is_unmatched_as_long_as_all_that_it_fits_is_excluded() -> None:
    wanted = parse(["team-*", "shop*", "!team-a"])
    assert wanted.unmatched(["shop", "team-a"]) == ["team-*"]
    assert wanted.unmatched(["shop", "team-b"]) == []


@pytest.mark.parametrize("bad", [[""], ["!"], [" "], ["shop", "! "], ["shop", "!sh*"]])
def test_what_means_no_namespace_is_refused(bad: list[str]) -> None:
    with pytest.raises(UserError, match="namespace"):
        parse(bad)
