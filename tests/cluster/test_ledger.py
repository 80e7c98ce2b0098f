"""A list and the watch beside it: however they interleave, each pod's story is the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from sonickube_tui.cluster.ledger import Ledger
from sonickube_tui.cluster.pod import Added, Condition, Deleted, Metadata, Modified, Pod, PodStatus
from sonickube_tui.event import Event, Sight

NAMES = "abcd"
Change = Added | Modified | Deleted
Steps = list[tuple[str, bool]]


def history(start: Steps, steps: Steps) -> tuple[dict[str, Pod], list[Change]]:
    """What there was at first, and what a watch from then on says; a step makes, changes or deletes a pod."""
    pods: dict[str, Pod] = {}
    versions = iter(range(1, 1_000))

    def change(name: str, there: bool) -> Iterator[Change]:
        version = next(versions)
        old = pods.pop(name, None)
        if not there:
            if old:
                yield Deleted(make(name, old.metadata.uid, version))
            return
        pods[name] = make(name, old.metadata.uid if old else f"{name}{version}", version)
        yield (Modified if old else Added)(pods[name])

    for step in start:
        list(change(*step))
    there = dict(pods)
    return there, [told for step in steps for told in change(*step)]


def make(name: str, uid: str, version: int) -> Pod:
    return Pod(
        metadata=Metadata(name=name, namespace="shop", uid=uid, resource_version=str(version)),
        status=PodStatus(conditions=[Condition(type="Ready", status=str(version % 2 == 0))]),
    )


def told(ledger: Ledger, listed: list[Pod], changes: list[Change], order: list[bool]) -> dict[str, list[str]]:
    """What is told of each pod; `order` says whether the list's next pod comes or the watch's next word."""
    stories = defaultdict(list)
    pods, words = list(listed), list(changes)

    def keep(items: Iterator[Event | Sight]) -> None:
        for item in items:
            if isinstance(item, Sight):
                stories[item.pod.metadata.name].append(f"{item.change} {item.pod.metadata.resource_version}")
            else:
                stories[item.pod].append(f"{item.kind} {item.uid}")

    ledger.begin()
    for first in order:
        if first and pods:
            keep(ledger.list(pods.pop(0), 0.0))
        elif not first and words:
            keep(ledger.hear(words.pop(0), 0.0))
    for pod in pods:
        keep(ledger.list(pod, 0.0))
    keep(ledger.end(0.0))
    for word in words:
        keep(ledger.hear(word, 0.0))
    return dict(stories)


STEPS = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=20)
ORDER = st.lists(st.booleans(), max_size=30)


@given(STEPS, STEPS, ORDER)
def test_a_watch_beside_the_first_list_tells_what_a_watch_after_it_would(
    start: Steps, steps: Steps, order: list[bool]
) -> None:
    there, changes = history(start, steps)
    beside, after = (Ledger("test", lambda namespace: True) for _ in range(2))
    listed = list(there.values())
    assert told(beside, listed, changes, order) == told(after, listed, changes, [])
    assert beside.pods == after.pods


@given(STEPS, STEPS, STEPS, ORDER)
def test_a_watch_beside_a_later_list_tells_what_a_watch_after_it_would(
    start: Steps, missed: Steps, steps: Steps, order: list[bool]
) -> None:
    known, _ = history(start, [])
    there, changes = history(start + missed, steps)
    beside, after = (Ledger("test", lambda namespace: True) for _ in range(2))
    for ledger in (beside, after):
        told(ledger, list(known.values()), [], [])
    listed = list(there.values())
    assert told(beside, listed, changes, order) == told(after, listed, changes, [])
    assert beside.pods == after.pods


@given(STEPS, STEPS, ORDER, st.integers(0, 4))
def test_a_list_that_broke_off_is_made_up_for_by_the_next(
    start: Steps, steps: Steps, order: list[bool], read: int
) -> None:
    """What was told of the broken list is known; the rest is as silent as a first list."""
    there, _ = history(start, [])
    later, _ = history(start + steps, [])
    ledger = Ledger("test", lambda namespace: True)
    ledger.begin()
    first = [pod.metadata.name for pod in list(there.values())[:read]]
    for name in first:
        list(ledger.list(there[name], 0.0))
    stories = told(ledger, list(later.values()), [], order)
    for name in NAMES:
        changes = [line.split()[0] for line in stories.get(name, [])]
        if name not in first:
            assert changes == (["LISTED"] if name in later else [])
        elif name not in later:
            assert changes == ["DELETED", "terminating", "deleted"]
        else:
            assert "LISTED" not in changes
    assert ledger.pods == len(later)


def test_namespaces_that_are_not_wanted_are_passed_over() -> None:
    ledger = Ledger("test", lambda namespace: namespace != "shop", new=True)
    assert told(ledger, [make("a", "a", 1)], [Added(make("b", "b", 2))], [False]) == {}
    assert ledger.pods == 0


def test_a_new_namespace_has_no_silent_list() -> None:
    ledger = Ledger("test", lambda namespace: True, new=True)
    assert told(ledger, [make("a", "a", 1)], [], []) == {"a": ["ADDED 1", "created a"]}
