"""Voices are spaced, what has to wait is merged, and every event is accounted for."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from players import event
from sonickube_tui.event import Kind, Severity
from sonickube_tui.music.merging import Batch, Merger

Key = tuple[str, Kind]
Arrivals = list[tuple[float, Key]]

NAMESPACES = ("shop", "batch", "payments")
PLENTY = 1000.0
"""More onsets a second than there are keys: nothing is ever left behind."""

keys = st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(list(Kind)))
calm = [kind for kind in Kind if kind.severity.rank < Severity.ERROR.rank]
pauses = st.just(0.0) | st.floats(0, 0.5)
arrivals = st.lists(st.tuples(pauses, keys), max_size=80)
rates = st.integers(1, 20)
windows = st.floats(0, 1)


def key_of(batch: Batch) -> Key:
    return batch.event.namespace, batch.event.kind


class Outcome(NamedTuple):
    """What became of all that arrived; `waited` are the numbers of those that did not join another."""

    taken: list[tuple[float, Batch]]
    overtaken: list[Batch]
    expired: list[Batch]
    drained: list[Batch]
    waited: list[int]

    @property
    def times(self) -> list[float]:
        return [now for now, _ in self.taken]

    @property
    def voices(self) -> list[Batch]:
        return [batch for _, batch in self.taken]


def perform(merger: Merger, arrivals: Arrivals, *, to_the_end: bool = False) -> Outcome:
    """Events arrive on a virtual clock, each after a pause; turns are taken when they come up."""
    outcome = Outcome([], [], [], [], [])

    def play(now: float, until: float) -> None:
        while (due := merger.next_turn()) is not None and due <= until:
            assert merger.take(math.nextafter(due, -math.inf)) is None
            now = max(now, due)
            outcome.expired.extend(stale := merger.expire(now))
            turn = merger.take(now)
            assert turn or stale
            if turn:
                outcome.taken.append((now, turn.batch))
                outcome.overtaken.extend(turn.overtaken)

    now = 0.0
    for seq, (pause, (namespace, kind)) in enumerate(arrivals):
        play(now, now + pause)
        now += pause
        if merger.offer(now, seq, event(kind, namespace)):
            outcome.waited.append(seq)
    if to_the_end:
        play(now, math.inf)
    outcome.drained.extend(merger.drain())
    return outcome


def crowd(rate: float, *kinds: Kind, namespace: str = "shop") -> Merger:
    """All of them have come, and none has left."""
    merger = Merger(rate, stale_after=math.inf)
    for seq, kind in enumerate(kinds):
        merger.offer(0.0, seq, event(kind, namespace.format(seq)))
    return merger


@given(arrivals, rates, windows, st.floats(0, 2))
@settings(deadline=None)
def test_every_event_is_in_exactly_one_batch(
    arrivals: Arrivals, rate: int, window: float, stale_after: float
) -> None:
    merger = Merger(rate, window, stale_after)
    outcome = perform(merger, arrivals)
    batches = [*outcome.voices, *outcome.overtaken, *outcome.expired, *outcome.drained]
    counted: Counter[Key] = Counter()
    for batch in batches:
        counted[key_of(batch)] += batch.count
    assert counted == Counter(key for _, key in arrivals)
    assert sorted(batch.seq for batch in batches) == outcome.waited
    assert len(merger) == 0


@given(arrivals, rates, windows)
@settings(deadline=None)
def test_no_second_holds_more_voices_than_allowed(arrivals: Arrivals, rate: int, window: float) -> None:
    times = perform(Merger(rate, window), arrivals, to_the_end=True).times
    for begin in times:
        assert sum(begin <= time < begin + 1 - 1e-9 for time in times) <= rate


@given(st.lists(st.floats(0, 0.3), max_size=100), rates)
def test_asking_at_any_time_gives_no_more_voices(pauses: list[float], rate: int) -> None:
    merger, now, times = Merger(rate, window=0), 0.0, []
    for seq, pause in enumerate(pauses):
        now += pause
        merger.offer(now, seq, event())
        if merger.take(now):
            times.append(now)
    for begin in times:
        assert sum(begin <= time < begin + 1 - 1e-9 for time in times) <= rate


@given(arrivals, rates, windows)
@settings(deadline=None)
def test_when_nothing_is_stale_a_turn_always_has_something(
    arrivals: Arrivals, rate: int, window: float
) -> None:
    outcome = perform(Merger(rate, window, stale_after=math.inf), arrivals, to_the_end=True)
    assert outcome.expired == outcome.drained == []


@given(st.lists(st.tuples(pauses, st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(calm)))), windows)
@settings(deadline=None)
def test_what_is_not_urgent_sounds_once_in_its_window(arrivals: Arrivals, window: float) -> None:
    last: dict[Key, float] = {}
    for now, batch in perform(Merger(PLENTY, window), arrivals, to_the_end=True).taken:
        assert now >= last.get(key_of(batch), -math.inf) + window
        last[key_of(batch)] = now


@given(arrivals, windows)
@settings(deadline=None)
def test_a_namespaces_voices_leave_in_the_order_of_their_first_events(
    arrivals: Arrivals, window: float
) -> None:
    outcome = perform(Merger(PLENTY, window), arrivals, to_the_end=True)
    assert outcome.overtaken == []
    for namespace in NAMESPACES:
        left = [batch.seq for batch in outcome.voices if batch.event.namespace == namespace]
        assert left == sorted(left)


@given(arrivals, st.integers(1, 5), windows)
@settings(deadline=None)
def test_after_something_urgent_nothing_calm_is_heard_that_was_over_before(
    arrivals: Arrivals, rate: int, window: float
) -> None:
    broken: dict[str, int] = {}
    for batch in perform(Merger(rate, window), arrivals, to_the_end=True).voices:
        namespace = batch.event.namespace
        if batch.urgent:
            broken[namespace] = max(batch.seq, broken.get(namespace, -1))
        else:
            assert batch.last > broken.get(namespace, -1)


@given(arrivals, st.integers(1, 5), windows)
@settings(deadline=None)
def test_what_is_urgent_is_never_left_behind(arrivals: Arrivals, rate: int, window: float) -> None:
    outcome = perform(Merger(rate, window), arrivals, to_the_end=True)
    assert [batch for batch in outcome.overtaken if batch.urgent] == []


@given(arrivals, windows, st.floats(0, 2))
@settings(deadline=None)
def test_no_voice_tells_of_what_is_staler_than_the_limit(
    arrivals: Arrivals, window: float, stale_after: float
) -> None:
    outcome = perform(Merger(2, window, stale_after), arrivals, to_the_end=True)
    assert all(now - batch.since <= stale_after for now, batch in outcome.taken)


@given(st.lists(st.sampled_from(list(Kind))))
def test_among_namespaces_the_most_severe_goes_first_and_what_is_not_urgent_as_it_came(
    kinds: list[Kind],
) -> None:
    outcome = perform(crowd(1, *kinds, namespace="ns-{}"), [], to_the_end=True)
    critical, error, calm = [], [], []
    for seq, kind in enumerate(kinds):
        {Severity.CRITICAL: critical, Severity.ERROR: error}.get(kind.severity, calm).append(seq)
    assert [batch.seq for batch in outcome.voices] == critical + error + calm


def test_the_first_event_leaves_at_once_and_the_next_when_there_is_room() -> None:
    merger = Merger(onsets_per_second=4)
    merger.offer(10.0, 1, event(Kind.READY))
    assert merger.take(10.0) is not None
    merger.offer(10.0, 2, event(Kind.STARTED))
    assert merger.next_turn() == 10.25
    assert merger.take(10.24) is None
    assert merger.take(10.25) is not None


def test_those_that_follow_within_the_window_leave_as_one_when_it_is_over() -> None:
    arrivals = [(pause, ("shop", Kind.READY)) for pause in (0.0, 0.1, 0.1, 0.1)]
    outcome = perform(Merger(window=0.5), arrivals, to_the_end=True)
    assert [(now, batch.seq, batch.last, batch.count) for now, batch in outcome.taken] == [
        (0.0, 0, 0, 1),
        (0.5, 1, 3, 3),
    ]


def test_a_window_holds_up_no_other_namespace_and_no_other_kind() -> None:
    merger = Merger(onsets_per_second=10, window=5.0)
    merger.offer(0.0, 1, event(Kind.READY, "shop"))
    merger.take(0.0)
    merger.offer(0.2, 2, event(Kind.READY, "batch"))
    assert merger.next_turn() == 0.2
    merger.take(0.2)
    merger.offer(0.4, 3, event(Kind.STARTED, "shop"))
    assert merger.next_turn() == 0.4


def test_nothing_waits_and_nothing_has_a_turn() -> None:
    merger = Merger()
    assert (len(merger), merger.next_turn(), merger.take(0.0)) == (0, None, None)
    assert (merger.expire(1e9), merger.drain()) == ([], [])


def test_what_waits_is_merged_by_namespace_and_kind_behind_the_first() -> None:
    merger = Merger()
    offered = [
        event(Kind.READY, "shop", "cart-1"),
        event(Kind.READY, "shop", "cart-2"),
        event(Kind.READY, "batch", "nightly-1"),
        event(Kind.STARTED, "shop", "cart-1"),
        event(Kind.READY, "shop", "cart-3"),
    ]
    waits = [merger.offer(seq, seq, one) for seq, one in enumerate(offered)]
    assert waits == [True, False, True, True, False]
    assert len(merger) == 3
    assert merger.drain() == [
        Batch(0, 4, offered[0], since=0, due=0, count=3),
        Batch(2, 2, offered[2], since=2, due=2),
        Batch(3, 3, offered[3], since=3, due=3),
    ]


def test_what_has_left_is_not_joined_any_more() -> None:
    merger = Merger()
    merger.offer(0.0, 1, event())
    merger.offer(0.0, 2, event())
    first = merger.take(0.0)
    assert merger.offer(0.0, 3, event())
    second = merger.take(1.0)
    assert first is not None
    assert second is not None
    assert [(batch.seq, batch.count) for batch in (first.batch, second.batch)] == [(1, 2), (3, 1)]


@pytest.mark.parametrize(
    ("rate", "left", "overtaken"),
    [
        (3, [Kind.CREATED, Kind.READY, Kind.CRASHED], []),
        (2, [Kind.CRASHED], [Kind.CREATED, Kind.READY]),
    ],
)
def test_what_is_urgent_takes_the_older_along_or_in_a_crowd_leaves_them_behind(
    rate: int, left: list[Kind], overtaken: list[Kind]
) -> None:
    outcome = perform(crowd(rate, Kind.CREATED, Kind.READY, Kind.CRASHED), [], to_the_end=True)
    assert [batch.event.kind for batch in outcome.voices] == left
    assert [batch.event.kind for batch in outcome.overtaken] == overtaken


def test_in_a_crowd_what_has_gone_on_since_is_not_left_behind() -> None:
    outcome = perform(crowd(1, Kind.CREATED, Kind.READY, Kind.CRASHED, Kind.READY), [], to_the_end=True)
    assert [batch.event.kind for batch in outcome.voices] == [Kind.CRASHED, Kind.READY]
    assert [batch.event.kind for batch in outcome.overtaken] == [Kind.CREATED]


def test_what_waited_too_long_is_taken_out_and_the_rest_waits_on() -> None:
    merger = Merger(stale_after=5.0)
    merger.offer(0.0, 1, event(Kind.READY))
    merger.offer(4.0, 2, event(Kind.READY))
    merger.offer(4.0, 3, event(Kind.CRASHED))
    assert merger.expire(5.0) == []
    assert [(batch.seq, batch.count) for batch in merger.expire(5.1)] == [(1, 2)]
    assert [batch.seq for batch in merger.drain()] == [3]


def test_one_namespace_is_taken_out_and_the_others_wait_on() -> None:
    merger = Merger()
    for seq, namespace in enumerate(["shop", "batch", "shop"]):
        merger.offer(0.0, seq, event(list(Kind)[seq], namespace))
    assert [batch.seq for batch in merger.drain("shop")] == [0, 2]
    assert [batch.seq for batch in merger.drain()] == [1]
