"""The ring of entries behind the event log."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from players import event
from sonickube_tui.entry import Entry, Fate
from sonickube_tui.event import Kind
from sonickube_tui.ui.history import History


def entries(*namespaces: str, first: int = 1) -> list[Entry]:
    return [Entry(seq=seq, event=event(namespace=name)) for seq, name in enumerate(namespaces, first)]


def filled(*namespaces: str, limit: int = 100) -> History:
    history = History(limit)
    for entry in entries(*namespaces):
        history.put(entry)
    return history


def seqs(history: History) -> list[int]:
    return [history[row].seq for row in range(len(history))]


def test_a_newer_state_takes_the_place_of_the_older() -> None:
    history = filled("shop", "batch")
    history.put(msgspec.structs.replace(history[0], fate=Fate.SENT))
    assert [history[row].fate for row in range(2)] == [Fate.SENT, Fate.WAITING]


def test_the_oldest_are_forgotten_and_stay_so() -> None:
    history = filled(*"abcde", limit=3)
    assert (seqs(history), history.total, history.forgotten) == ([3, 4, 5], 3, 2)
    history.put(entries("a")[0])
    assert seqs(history) == [3, 4, 5]


def test_a_filter_wants_all_words_in_any_case_and_order() -> None:
    history = History()
    for seq, (kind, namespace) in enumerate(
        [(Kind.CRASH_LOOP, "shop"), (Kind.READY, "shop"), (Kind.CRASH_LOOP, "batch")], 1
    ):
        history.put(Entry(seq=seq, event=event(kind, namespace)))
    history.filter("SHOP crash")
    assert seqs(history) == [1]
    history.filter("critical")
    assert seqs(history) == [1, 3]
    history.filter("  ")
    assert seqs(history) == [1, 2, 3]


def test_a_row_is_found_again_by_its_seq() -> None:
    history = filled(*"abcabc")
    assert [history.row(seq) for seq in range(8)] == [0, 0, 1, 2, 3, 4, 5, 6]
    history.filter("test b cart")
    history.filter("b")
    assert seqs(history) == [2, 5]
    assert [history.row(seq) for seq in (1, 2, 3, 5, 6)] == [0, 0, 1, 1, 2]


@given(
    st.lists(st.sampled_from(["shop", "batch", "search"]), max_size=40),
    st.integers(1, 12),
    st.sampled_from(["", "shop", "batch", "a"]),
    st.integers(0, 40),
)
def test_it_shows_what_a_plain_list_would(names: list[str], limit: int, words: str, filtered_at: int) -> None:
    history = History(limit)
    for number, entry in enumerate(entries(*names)):
        if number == filtered_at:
            history.filter(words)
        history.put(entry)
    if filtered_at >= len(names):
        history.filter(words)
    kept = entries(*names)[-limit:]
    matching = [
        e.seq for e in kept if all(w in f"{e.event.namespace} cart-1 ready ok" for w in words.split())
    ]
    assert seqs(history) == matching
    assert history.total == len(kept)


def test_what_is_cleared_stays_forgotten_and_the_filter_holds() -> None:
    history = filled("shop", "batch", "shop")
    history.filter("shop")
    history.clear(first=6)
    for late in entries("shop", first=3):
        history.put(late)
    assert (history.total, seqs(history)) == (0, [])
    for entry in entries("batch", "shop", first=6):
        history.put(entry)
    assert (history.total, seqs(history)) == (2, [7])
    history.filter("")
    assert seqs(history) == [6, 7]
