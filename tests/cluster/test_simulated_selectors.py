"""Label and field selectors, against the real server's grammar."""

from __future__ import annotations

import pytest

from sonickube_tui.cluster.simulated.selectors import parse_fields, parse_labels
from sonickube_tui.cluster.simulated.status import ApiError

LABELS = {"app": "cart", "tier": "", "example.com/team": "a.b_c"}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("app=cart", True),
        ("app==cart", True),
        ("app = cart", True),
        ("app=web", False),
        ("app!=cart", False),
        ("app!=web", True),
        ("missing!=web", True),
        ("missing=web", False),
        ("tier=", True),
        ("app=", False),
        ("missing=", False),
        ("app", True),
        ("missing", False),
        ("!app", False),
        ("! missing", True),
        ("app in (web, cart)", True),
        ("app in (web)", False),
        ("app in(cart)", True),
        ("tier in (,x)", True),
        ("app notin (web,api)", True),
        ("app notin (cart)", False),
        ("missing notin (cart)", True),
        ("app=cart,tier,!missing", True),
        ("app=cart,missing", False),
        ("example.com/team=a.b_c", True),
        ("app in (cart),tier notin (x)", True),
        ("in=x", False),
        ("app=in", False),
        ("app=cart,", None),
        ("app=cart=web", None),
        ("app in cart", None),
        ("app in ()", None),
        ("app in (cart", None),
        ("app notin", None),
        ("app cart", None),
        ("=cart", None),
        (",app", None),
        ("!", None),
        ("app>", None),
        ("-app=x", None),
        ("app=-x", None),
        ("app=a b", None),
        ("a/b/c=x", None),
        ("/app=x", None),
        ("Example.com/team=x", None),
        ("app=" + "x" * 64, None),
    ],
)
def test_label_selectors(selector: str, selected: bool | None) -> None:
    if selected is None:
        with pytest.raises(ApiError) as caught:
            parse_labels(selector)
        assert (caught.value.code, caught.value.reason) == (400, "BadRequest")
    else:
        assert all(requirement.holds(LABELS) for requirement in parse_labels(selector)) is selected


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("app in cart", "unable to parse requirement: found 'cart', expected: '('"),
        ("app cart", "unable to parse requirement: found 'cart', expected: '=', '!=', '==', 'in', notin'"),
        ("app=a b", "found 'b', expected: ',' or 'end of string'"),
        ("app=cart,", "found '', expected: identifier after ','"),
    ],
)
def test_a_bad_label_selector_is_told_in_the_real_servers_words(selector: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_labels(selector)
    assert str(caught.value) == message


FIELDS = {"metadata.name": "cart-1", "spec.nodeName": "", "status.phase": "Running"}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("status.phase=Running", True),
        ("status.phase==Running,metadata.name=cart-1", True),
        ("status.phase!=Running", False),
        ("status.phase!=Failed", True),
        ("spec.nodeName=", True),
        ("spec.nodeName=node-a", False),
        ("status.phase", None),
        ("spec.other=x", None),
        ("a=b=c", None),
    ],
)
def test_field_selectors(selector: str, selected: bool | None) -> None:
    known = frozenset(FIELDS)
    if selected is None:
        with pytest.raises(ApiError) as caught:
            parse_fields(selector, known)
        assert caught.value.code == 400
    else:
        assert all(requirement.holds(FIELDS) for requirement in parse_fields(selector, known)) is selected
