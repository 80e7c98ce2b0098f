"""How clusters stand, in the words of the header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from players import classic
from sonickube_tui.event import Connection, Link
from sonickube_tui.ui.look import Look
from sonickube_tui.ui.standing import standing

LOOK = Look(classic().colours.dark, colour=True)

FORBIDDEN = (
    "this user may not list pods of prod-us in any namespace: it takes the verbs list and watch on pods"
)


def well(cluster: str, pods: int = 400) -> Connection:
    return Connection(at=1.0, cluster=cluster, link=Link.WATCHING, pods=pods)


def listing(cluster: str, pods: int, expected: int = 0) -> Connection:
    return Connection(at=1.0, cluster=cluster, link=Link.LISTING, pods=pods, expected=expected)


def unwell(cluster: str, link: Link, detail: str = "") -> Connection:
    return Connection(at=1.0, cluster=cluster, link=link, pods=7, detail=detail)


def said(*connections: Connection, width: int = 78) -> str:
    return standing(connections, LOOK, width).plain


AGAIN = unwell("prod-us", Link.RECONNECTING, "Connection refused; trying again in 4 s")
REFUSED = unwell("prod-us", Link.REFUSED, FORBIDDEN)


@pytest.mark.parametrize(
    ("connections", "words"),
    [
        ([], "…"),
        ([well("prod-eu", 1412)], "prod-eu ▸ 1,412 pods"),
        ([listing("prod-eu", 0)], "prod-eu ▸ listing"),
        ([listing("prod-eu", 3500)], "prod-eu ▸ listing 3,500 pods"),
        ([listing("prod-eu", 3500, 3000)], "prod-eu ▸ listing 3,500 pods"),
        ([listing("prod-eu", 500, 10_000)], "prod-eu ▸ listing    500 of 10,000 ▱▱▱▱▱▱▱▱"),
        ([listing("prod-eu", 3500, 10_000)], "prod-eu ▸ listing  3,500 of 10,000 ▰▰▱▱▱▱▱▱"),
        ([listing("prod-eu", 10_000, 10_000)], "prod-eu ▸ listing 10,000 of 10,000 ▰▰▰▰▰▰▰▰"),
        ([AGAIN], "prod-us ▸ reconnecting Connection refused; trying again in 4 s"),
        ([well("prod-eu"), well("prod-us", 412)], "prod-eu, prod-us ▸ 812 pods"),
        ([well("prod-eu"), AGAIN], "prod-us reconnecting in 4 s  prod-eu ▸ 400 pods"),
        ([AGAIN, well("prod-eu")], "prod-us reconnecting in 4 s  prod-eu ▸ 400 pods"),
        (
            [well("prod-eu"), listing("prod-us", 3500, 10_000)],
            "prod-us  3,500 of 10,000 ▰▰▱▱▱▱▱▱  prod-eu ▸ 400 pods",
        ),
        ([well("prod-eu"), REFUSED], "prod-us refused: this user may no…  prod-eu ▸ 400 pods"),
        (
            [unwell("prod-eu", Link.CONNECTING), REFUSED],
            "prod-us refused: this user may no…, prod-eu connecting",
        ),
        (
            [unwell("prod-eu", Link.CONNECTING), unwell("prod-us", Link.CONNECTING)],
            "prod-eu, prod-us ▸ connecting",
        ),
        ([well(f"a-cluster-{n}", 100) for n in range(5)], "5 clusters ▸ 500 pods"),
    ],
)
def test_the_worst_is_said_first_and_in_short(connections: list[Connection], words: str) -> None:
    assert said(*connections) == words


def test_a_list_that_comes_in_does_not_change_its_width() -> None:
    steps = [said(listing("prod", done, 10_000)) for done in range(0, 10_001, 500)]
    assert len({cell_len(step) for step in steps}) == 1
    bars = [step.count("▰") for step in steps]
    assert bars == sorted(bars)
    assert (bars[0], bars[-1]) == (0, 8)


def test_a_wide_header_has_more_of_the_reason() -> None:
    assert "may not list pods of prod-us in any" in said(well("prod-eu"), REFUSED, width=158)


@given(st.lists(st.tuples(st.text(max_size=60), st.sampled_from(Link), st.text(max_size=60)), max_size=6))
def test_nothing_in_it_steers_the_terminal(parts: list[tuple[str, Link, str]]) -> None:
    words = said(*(unwell(name, link, detail) for name, link, detail in parts))
    assert not any(ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 for sign in words)
