"""Bad events hurt, time heals, and there is a word for how it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from players import event
from sonickube_tui.event import Kind, Severity
from sonickube_tui.music.health import HALF_LIFE, Health, words

A_KIND = {kind.severity: kind for kind in Kind}
"""Some kind of each severity."""

namespaces = st.sampled_from(["shop", "batch", "payments"])
histories = st.lists(st.tuples(st.floats(0, 60), namespaces, st.sampled_from(list(Kind))), max_size=30)


def pain(health: float) -> float:
    return 1 / health - 1


def lived(history: list[tuple[float, str, Kind]]) -> tuple[Health, float]:
    """What was heard so far, each after a pause, and the time it is now."""
    health, now = Health(), 0.0
    for pause, namespace, kind in history:
        now += pause
        health.feed(now, event(kind, namespace))
    return health, now


def test_a_namespace_nobody_heard_of_and_an_empty_cluster_are_well() -> None:
    assert Health().of(0.0, "shop") == 1.0
    assert Health().of_cluster(0.0) == 1.0


@pytest.mark.parametrize(
    ("severity", "health"),
    [
        (Severity.OK, 1.0),
        (Severity.INFO, 1.0),
        (Severity.WARNING, 1 / 1.1),
        (Severity.ERROR, 1 / 1.3),
        (Severity.CRITICAL, 1 / 1.7),
    ],
)
def test_one_event_hurts_as_its_severity_says(severity: Severity, health: float) -> None:
    patient = Health()
    patient.feed(0.0, event(A_KIND[severity]))
    assert patient.of(0.0, "shop") == pytest.approx(health)


def test_pain_adds_up() -> None:
    health = Health()
    for _ in range(10):
        health.feed(0.0, event(Kind.CRASHED))
    assert pain(health.of(0.0, "shop")) == pytest.approx(10 * 0.3)


@given(histories, st.floats(1, 600))
def test_half_of_the_pain_is_gone_after_a_half_life(
    history: list[tuple[float, str, Kind]], half_life: float
) -> None:
    health = Health(half_life)
    for _, namespace, kind in history:
        health.feed(0.0, event(kind, namespace))
    for namespace in ("shop", "batch", "payments"):
        before = pain(health.of(5.0, namespace))
        assert pain(health.of(5.0 + half_life, namespace)) == pytest.approx(before / 2, abs=1e-9)


def test_the_usual_half_life_is_what_a_console_uses() -> None:
    health = Health()
    health.feed(0.0, event(Kind.CRASH_LOOP))
    assert pain(health.of(HALF_LIFE, "shop")) == pytest.approx(0.35)


def test_what_has_faded_adds_to_what_is_fresh() -> None:
    health = Health(half_life=10)
    health.feed(0.0, event(Kind.CRASH_LOOP))
    health.feed(10.0, event(Kind.CRASHED))
    assert pain(health.of(10.0, "shop")) == pytest.approx(0.35 + 0.3)


@given(histories, namespaces, st.sampled_from(list(Kind)))
def test_only_bad_news_hurts_and_only_where_it_happened(
    history: list[tuple[float, str, Kind]], namespace: str, kind: Kind
) -> None:
    health, now = lived(history)
    before = {name: health.of(now, name) for name in ("shop", "batch", "payments")}
    health.feed(now, event(kind, namespace))
    after = {name: health.of(now, name) for name in before}
    if kind.severity in (Severity.OK, Severity.INFO):
        assert after == before
    else:
        assert after[namespace] < before.pop(namespace)
        assert {name: after[name] for name in before} == before


@given(histories, st.floats(0, 1e6))
def test_health_is_between_0_and_1_and_only_gets_better_with_time(
    history: list[tuple[float, str, Kind]], pause: float
) -> None:
    health, now = lived(history)
    assert 0 < health.of(now, "shop") <= health.of(now + pause, "shop") <= 1
    assert 0 < health.of_cluster(now) <= health.of_cluster(now + pause) <= 1


@given(histories)
def test_the_cluster_is_never_better_than_its_worst_namespace(history: list[tuple[float, str, Kind]]) -> None:
    health, now = lived(history)
    assert health.of_cluster(now) <= min(health.of(now, name) for name in ("shop", "batch", "payments"))


def test_a_cluster_of_one_namespace_is_as_well_as_that() -> None:
    health = Health()
    health.feed(0.0, event(Kind.CRASHED))
    assert health.of_cluster(7.0) == health.of(7.0, "shop")


def test_the_cluster_feels_the_worst_pain_and_half_of_the_others_mean() -> None:
    health = Health()
    health.feed(0.0, event(Kind.CRASH_LOOP, "payments"))
    health.feed(0.0, event(Kind.CRASHED, "shop"))
    health.feed(0.0, event(Kind.UNREADY, "batch"))
    assert pain(health.of_cluster(0.0)) == pytest.approx(0.7 + 0.5 * (0.3 + 0.1) / 2)


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (1.0, "happy as a hippo"),
        (0.9, "happy as a hippo"),
        (0.89, "in good shape"),
        (0.7, "in good shape"),
        (0.69, "under the weather"),
        (0.5, "under the weather"),
        (0.49, "running a fever"),
        (0.3, "running a fever"),
        (0.29, "in intensive care"),
        (0.15, "in intensive care"),
        (0.14, "do not resuscitate"),
        (0.0, "do not resuscitate"),
    ],
)
def test_each_health_has_its_word(health: float, word: str) -> None:
    assert words(health) == word


def test_one_warning_does_not_spoil_the_mood() -> None:
    health = Health()
    health.feed(0.0, event(Kind.UNREADY))
    assert words(health.of_cluster(0.0)) == "happy as a hippo"


@given(histories)
def test_there_is_a_word_for_any_history(history: list[tuple[float, str, Kind]]) -> None:
    health, now = lived(history)
    assert words(health.of_cluster(now))
