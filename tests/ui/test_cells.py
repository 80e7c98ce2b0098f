"""Text from anywhere fits its cells and cannot steer the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sonickube_tui.plain import plain
from sonickube_tui.ui.cells import Shared, fit, fit_middle


@given(st.text(), st.integers(0, 40))
def test_it_has_exactly_the_width_and_no_control_characters(text: str, width: int) -> None:
    for fitted in (fit(text, width), fit_middle(text, width)):
        assert cell_len(fitted) == width
        assert not any(ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 for sign in fitted)


def test_escape_sequences_become_harmless() -> None:
    assert plain("\x1b[2Jgone\r\n\x9b31m") == " [2Jgone   31m"


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [
        ("ledger-0", 10, "ledger-0  "),
        ("cart-7f9c6d5b48-x2j4q", 21, "cart-7f9c6d5b48-x2j4q"),
        ("cart-7f9c6d5b48-x2j4q", 16, "cart-7f9…8-x2j4q"),
        ("cart-7f9c6d5b48-x2j4q", 4, "car…"),
    ],
)
def test_a_pod_that_is_too_long_keeps_its_end(text: str, width: int, fitted: str) -> None:
    assert fit_middle(text, width) == fitted


EKS = (
    "arn:aws:eks:eu-west-1:123456789012:cluster/prod-eu",
    "arn:aws:eks:us-east-1:123456789012:cluster/prod-us",
)
GKE = ("gke_acme_europe-west1-b_shop", "gke_acme_us-central1-c_shop")
KOPS = ("eu.k8s.example.com", "us.k8s.example.com")


@pytest.mark.parametrize(
    ("clusters", "width", "fitted"),
    [
        (("prod-eu", "prod-us"), 18, ["prod-eu/payments  ", "prod-us/payments  "]),
        (("prod-eu", "prod-us"), 13, ["…-eu/payments", "…-us/payments"]),
        (EKS, 17, ["…prod-eu/payments", "…prod-us/payments"]),
        (GKE, 17, ["…est1-b…/payments", "…ral1-c…/payments"]),
        (GKE, 30, ["…_europe-west1-b_shop/payments", "…e_us-central1-c_shop/payments"]),
        (KOPS, 14, ["eu.k…/payments", "us.k…/payments"]),
        (KOPS, 12, ["eu.…/paymen…", "us.…/paymen…"]),
        (("prod", "prod-eu"), 13, ["prod/payments", "…-eu/payments"]),
    ],
)
def test_of_a_channel_the_namespace_stays_and_what_tells_its_cluster(
    clusters: tuple[str, ...], width: int, fitted: list[str]
) -> None:
    shared = Shared.of(clusters)
    assert [shared.fit_channel(f"{cluster}/payments", width) for cluster in clusters] == fitted


@given(st.lists(st.text(max_size=30), max_size=4), st.text(max_size=40), st.integers(0, 40))
def test_a_channel_has_exactly_its_width(clusters: list[str], namespace: str, width: int) -> None:
    shared = Shared.of(clusters)
    for cluster in (*clusters, "another"):
        fitted = shared.fit_channel(f"{cluster}/{namespace}", width)
        assert cell_len(fitted) == width
        assert not any(ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 for sign in fitted)


@given(st.lists(st.text("ab-", max_size=12), min_size=2, max_size=4), st.integers(4, 14))
def test_a_name_in_brief_has_room_and_begins_or_ends_as_it_did(names: list[str], width: int) -> None:
    for name in names:
        brief = Shared.of(names).brief(name, width)
        assert len(brief) == min(len(name), width)
        assert brief.strip("…") in name
