"""Which namespaces of a cluster are followed: those that are meant, and that the user may read."""

from __future__ import annotations

import pytest

from gate import create_everywhere, following, gate, pod, refusal, three_namespaces
from players import until
from sonickube_tui.cluster.simulated.store import NAMESPACES
from sonickube_tui.event import Kind, Link

# What is followed


async def test_all_namespaces_are_one_stream() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url) as told:
        assert await create_everywhere(world, told) == {"batch-new", "search-new", "shop-new"}
        assert "/api/v1/namespaces/shop/pods" not in server.asked


async def test_several_namespaces_are_followed_together() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "shop", "search", "shop") as told:
        assert await create_everywhere(world, told, known=2) == {"search-new", "shop-new"}
        assert sorted(told.pods()) == ["search-new", "shop-new"]
        assert "/api/v1/pods" not in server.asked


async def test_a_selector_holds_for_every_namespace() -> None:
    world = three_namespaces()
    for namespace in ("search", "shop"):
        world.apply(pod(f"{namespace}-first", namespace, app="cart"))
    async with (
        gate(world) as server,
        following(server.url, "shop", "search", selector="app=cart") as told,
    ):
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 2)
        for namespace in ("search", "shop"):
            world.apply(pod(f"{namespace}-web", namespace, app="web"))
            world.apply(pod(f"{namespace}-cart", namespace, app="cart"))
        await told.until(lambda: len(told.pods()) == 2)
        assert set(told.pods()) == {"search-cart", "shop-cart"}


# What the user may


@pytest.mark.parametrize("namespaces", [True, False])
async def test_who_may_not_list_all_pods_gets_those_of_their_own_namespace(namespaces: bool) -> None:
    world = three_namespaces()
    async with (
        gate(world, "shop", namespaces=namespaces) as server,
        following(server.url, home="shop") as told,
    ):
        assert await create_everywhere(world, told, known=1) == {"shop-new"}


async def test_who_may_list_namespaces_gets_all_those_whose_pods_they_may_list() -> None:
    world = three_namespaces()
    async with gate(world, "shop", "batch") as server, following(server.url) as told:
        assert await create_everywhere(world, told, known=2) == {"batch-new", "shop-new"}


async def test_who_may_nothing_is_told_which_verbs_are_missing() -> None:
    async with gate(three_namespaces(), "elsewhere", namespaces=False) as server:
        text = await refusal(server.url, home="shop")
    assert "list and watch on pods" in text
    assert "shop" in text
    assert "-n" in text


async def test_a_namespace_asked_for_that_is_forbidden_is_named() -> None:
    async with gate(three_namespaces(), "search") as server:
        text = await refusal(server.url, "shop")
    assert "namespace shop" in text
    assert "list and watch on pods" in text


# Patterns


async def test_a_pattern_follows_the_namespaces_that_match() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        assert await create_everywhere(world, told, known=2) == {"search-new", "shop-new"}
        assert "/api/v1/namespaces/batch/pods" not in server.asked


async def test_a_plain_name_needs_no_list_of_namespaces() -> None:
    world = three_namespaces()
    async with (
        gate(world, "shop", namespaces=False) as server,
        following(server.url, "shop", "!kube-*") as told,
    ):
        assert await create_everywhere(world, told, known=1) == {"shop-new"}


@pytest.mark.parametrize("allowed", [(), ("batch", "search", "shop")])
async def test_what_is_excluded_is_neither_told_nor_counted(allowed: tuple[str, ...]) -> None:
    world = three_namespaces()
    async with gate(world, *allowed) as server, following(server.url, "!search", "!b*") as told:
        assert await create_everywhere(world, told, known=1) == {"shop-new"}
        world.delete("batch", "batch-old")
        world.delete("shop", "shop-old")
        await told.until(lambda: Kind.DELETED in {event.kind for event in told.events})
        assert {event.namespace for event in told.events} == {"shop"}


async def test_a_pattern_follows_only_where_pods_may_be_listed() -> None:
    world = three_namespaces()
    async with gate(world, "shop") as server, following(server.url, "s*") as told:
        assert await create_everywhere(world, told, known=1) == {"shop-new"}


@pytest.mark.parametrize("pattern", ["s*", "!search"])
async def test_who_may_not_list_namespaces_is_told_to_name_them(pattern: str) -> None:
    async with gate(three_namespaces(), "shop", namespaces=False) as server:
        text = await refusal(server.url, pattern, home="shop")
    assert "need to list namespaces" in text
    assert "name the namespaces instead" in text


async def test_who_may_list_pods_in_none_that_match_is_told_so() -> None:
    async with gate(three_namespaces(), "batch") as server:
        text = await refusal(server.url, "s*")
    assert "search, shop" in text
    assert "list and watch on pods" in text


@pytest.mark.usefixtures("often")
async def test_a_pattern_that_matches_nothing_yet_is_told_and_waited_for() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "team-*") as told:
        await told.until(lambda: "no namespace matches team-*" in told.detail)
        world.apply(pod("cart", "team-a"))
        await told.until(lambda: "cart" in told.pods())
        await told.until(lambda: told.link is Link.WATCHING)
        assert told.detail == ""


@pytest.mark.usefixtures("often")
async def test_one_pattern_that_matches_nothing_is_told_while_others_are_followed() -> None:
    async with gate(three_namespaces()) as server, following(server.url, "shop", "team-*") as told:
        await told.until(lambda: told.link is Link.WATCHING)
        assert "no namespace matches team-*" in told.detail


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("given", [("s*", "new*"), ()])
async def test_all_in_a_namespace_that_appears_is_news(given: tuple[str, ...]) -> None:
    world = three_namespaces()
    async with gate(world, "search", "shop", "new") as server, following(server.url, *given) as told:
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 2)
        world.apply(pod("first", "new"))
        await told.until(lambda: "first" in told.pods())
        world.apply(pod("second", "new"))
        await told.until(lambda: "second" in told.pods())
        assert told.pods() == ["first", "second"]


@pytest.mark.usefixtures("often")
async def test_a_namespace_whose_pods_may_be_listed_later_begins_silent() -> None:
    world = three_namespaces()
    async with gate(world, "shop") as server, following(server.url, "s*") as told:
        await told.until(lambda: told.link is Link.WATCHING)
        assert server.allowed is not None
        server.allowed.add("/api/v1/namespaces/search/pods")
        await told.until(lambda: told.links[-1].pods == 2)
        assert told.events == []


@pytest.mark.usefixtures("often")
async def test_a_namespace_that_is_gone_is_no_longer_asked_for() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 2)
        world.delete("search", "search-old")
        world.store.remove((NAMESPACES.plural, "", "search"))
        # The other's watch and that of its Events, and now and then a look at the namespaces.
        await until(lambda: server.answering == 2)
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 1)


@pytest.mark.usefixtures("often")
async def test_namespaces_that_cannot_be_listed_later_are_a_note_and_no_end() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        await told.until(lambda: told.link is Link.WATCHING)
        server.allowed = {"/api/v1/namespaces/search/pods", "/api/v1/namespaces/shop/pods"}
        await told.until(lambda: "new namespaces are not seen" in told.detail)
        assert await create_everywhere(world, told, known=2) == {"search-new", "shop-new"}
        server.allowed = None
        await told.until(lambda: not told.detail)


@pytest.mark.parametrize("bad", ["", "!"])
async def test_a_bad_pattern_is_refused_before_any_request(bad: str) -> None:
    async with gate(three_namespaces()) as server:
        assert "is no namespace" in await refusal(server.url, "shop", bad)
        assert server.asked == []
