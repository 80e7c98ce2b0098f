"""The simulated world in virtual time: no sockets, no clock."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest

from sonickube_tui.cluster.simulated import SCENARIOS, World
from sonickube_tui.cluster.simulated.chronicle import KEPT
from sonickube_tui.cluster.simulated.store import HISTORY, Change

Json = dict[str, Any]


def changes(world: World, seconds: float, step: float = 0.5, resource: str = "pods") -> list[Change]:
    """Let the world live and return all changes of pods, or of another resource, meanwhile, in order."""
    found = []
    until = world.now + seconds
    while world.now < until:
        before = world.store.version
        world.advance(min(step, until - world.now))
        found += [world.store.change(version) for version in range(before + 1, world.store.version + 1)]
    return [change for change in found if change.after.key[0] == resource]


def pod_of(change: Change) -> Json:
    pod: Json = msgspec.json.decode(change.after.body)
    return pod


def pods(world: World) -> list[Json]:
    """All pods as they are now."""
    objects = world.store.at(world.store.version)
    return [msgspec.json.decode(entry.body) for key, entry in objects.items() if key[0] == "pods"]


def facts(world: World, seconds: float, step: float = 0.5) -> list[tuple[object, ...]]:
    """What must not differ between two runs of one seed: all but the epoch."""
    return [
        (c.version, c.type, c.after.key, pod_of(c)["metadata"]["uid"], c.after.fields)
        for c in changes(world, seconds, step)
    ]


def container(pod: Json) -> Json:
    statuses = pod["status"].get("containerStatuses")
    return statuses[0] if statuses else {"state": {}, "lastState": {}, "restartCount": 0}


def conditions(pod: Json) -> dict[str, Json]:
    return {condition["type"]: condition for condition in pod["status"].get("conditions", [])}


def seen(found: list[Change]) -> set[str]:
    """What can be read from pod states, by rules of our own and not those of `lifecycle`."""
    words = set()
    for change in found:
        if change.type != "MODIFIED":
            words.add({"ADDED": "created", "DELETED": "deleted"}[change.type])
            continue
        pod = pod_of(change)
        state = container(pod)["state"]
        words.add(state.get("waiting", {}).get("reason", ""))
        words.add(state.get("terminated", {}).get("reason", ""))
        if "deletionTimestamp" in pod["metadata"]:
            words.add("terminating")
        elif conditions(pod).get("Ready", {}).get("status") == "True":
            words.add("ready")
    return words


# Scenarios


def test_scenarios_are_named_and_described_without_aiohttp_or_msgspec() -> None:
    code = (
        "import sys; from sonickube_tui.cluster.simulated import SCENARIOS; "
        "assert not {'aiohttp', 'msgspec'} & set(sys.modules); print(*SCENARIOS)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["calm", "rollout", "incident", "storm"]
    assert all("\n" not in line and line for line in SCENARIOS.values())


def test_an_unknown_scenario_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"unknown scenario 'quake'; there are: calm"):
        World("quake")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_seed_makes_one_world_however_time_is_cut(scenario: str) -> None:
    seconds = 5 if scenario == "storm" else 90
    one = facts(World(scenario, seed=7), seconds)
    assert one
    assert one == facts(World(scenario, seed=7, epoch=1_800_000_000.5), seconds, step=0.013)
    assert one != facts(World(scenario, seed=8), seconds)


@pytest.mark.parametrize("seed", range(8))
def test_an_incident_shows_its_kinds_within_ten_seconds(seed: int) -> None:
    wanted = {"created", "ready", "terminating", "deleted", "OOMKilled", "CrashLoopBackOff", "ErrImagePull"}
    assert wanted <= seen(changes(World("incident", seed=seed), 10))


def test_an_incident_goes_on_for_ever_with_silences_and_without_barrages() -> None:
    world = World("incident", seed=3)
    for _ in range(10):
        each_second = [len(changes(world, 1)) for _ in range(130)]
        assert max(each_second) < 25
        assert 20 < each_second.count(0) < 110
        assert sum(each_second) > 100
    assert 20 < len(pods(world)) < 35


def test_calm_is_an_event_in_two_to_four_seconds() -> None:
    found = changes(World("calm"), 1_000)
    # Starts and stops have steps that say nothing to the ear: about 4 changes are 3 events.
    assert 250 < len(found) * 3 / 4 < 500
    assert {"created", "deleted", "Completed", "ready"} <= seen(found)
    assert not {"OOMKilled", "CrashLoopBackOff", "ErrImagePull"} & seen(found)


def test_a_rollout_renews_every_pod_of_every_namespace() -> None:
    world = World("rollout")
    before = {pod["metadata"]["uid"] for pod in pods(world)}
    changes(world, 200)
    now = {pod["metadata"]["uid"] for pod in pods(world)}
    assert len(before) == len(now)
    assert not before & now


def test_a_storm_is_a_thousand_changes_a_second_of_several_hundred_pods() -> None:
    world = World("storm")
    each_second = [len(changes(world, 1)) for _ in range(8)]
    assert all(850 < count < 1_150 for count in each_second)
    found = changes(world, 2)
    assert len({c.after.key[1] for c in found}) == 10
    types = Counter(c.type for c in found)
    assert min(types["ADDED"], types["DELETED"]) > 100
    assert {"OOMKilled", "CrashLoopBackOff", "Error", "ready", "terminating"} <= seen(found)


def test_a_storm_does_not_grow() -> None:
    world = World("storm")
    sizes = []
    for _ in range(3):
        world.advance(6)
        assert world.store.version - world.store.oldest == HISTORY
        sizes.append(len(pods(world)))
    # A pod that was deleted and not yet replaced is missing; there is never one too many.
    assert all(400 < size <= 600 for size in sizes)


# Lives


def lives(found: list[Change]) -> dict[str, list[Change]]:
    """The changes of each pod by uid."""
    by_uid = defaultdict(list)
    for change in found:
        by_uid[pod_of(change)["metadata"]["uid"]].append(change)
    return by_uid


def look(change: Change) -> tuple[str, str, str, str]:
    """Change type, phase, the container's state and cond(Ready)."""
    pod = pod_of(change)
    state = next(iter(container(pod)["state"]), "-")
    return (
        change.type,
        pod["status"]["phase"],
        state + ("" if "deletionTimestamp" not in pod["metadata"] else ", deleting"),
        conditions(pod).get("Ready", {}).get("status", "-"),
    )


def test_a_pod_starts_in_five_updates_and_stops_in_four() -> None:
    found = lives(changes(World("rollout"), 30)).values()
    starts = [life for life in found if life[0].type == "ADDED" and len(life) == 5]
    stops = [life for life in found if life[-1].type == "DELETED" and life[0].type == "MODIFIED"]
    assert len(starts) > 3
    assert len(stops) > 3
    for life in starts:
        assert [look(change) for change in life] == [
            ("ADDED", "Pending", "-", "-"),
            ("MODIFIED", "Pending", "-", "-"),
            ("MODIFIED", "Pending", "waiting", "False"),
            ("MODIFIED", "Running", "running", "False"),
            ("MODIFIED", "Running", "running", "True"),
        ]
        assert [bool(pod_of(change)["spec"].get("nodeName")) for change in life] == [False, *[True] * 4]
    for life in stops:
        assert [look(change) for change in life] == [
            ("MODIFIED", "Running", "running, deleting", "True"),
            ("MODIFIED", "Running", "terminated, deleting", "False"),
            ("MODIFIED", "Running", "terminated, deleting", "False"),
            ("DELETED", "Running", "terminated, deleting", "False"),
        ]


def test_a_crash_loop_backs_off_and_heals_as_a_kubelet_does() -> None:
    found = lives(changes(World("incident"), 60)).values()
    (life,) = [life for life in found if "CrashLoopBackOff" in seen(life)]
    told = [container(pod_of(change)) for change in life]
    assert [(next(iter(cs["state"])), cs["restartCount"]) for cs in told[:9]] == [
        ("terminated", 0),
        ("running", 1),
        ("terminated", 1),
        ("waiting", 1),
        ("running", 2),
        ("terminated", 2),
        ("waiting", 2),
        ("running", 3),
        ("running", 3),
    ]
    messages = [cs["state"]["waiting"]["message"] for cs in told if "waiting" in cs["state"]]
    assert [message.split(" restarting")[0] for message in messages] == ["back-off 10s", "back-off 20s"]
    assert told[8]["ready"]
    since = [
        {kind: c["lastTransitionTime"] for kind, c in conditions(pod_of(change)).items()} for change in life
    ]
    assert len({times["PodScheduled"] for times in since}) == 1
    assert len({times["Ready"] for times in since}) == 2
    assert told[8]["lastState"]["terminated"]["exitCode"] == 1


def test_an_oom_kill_leaves_its_trace_in_last_state() -> None:
    found = lives(changes(World("incident"), 10)).values()
    (life,) = [life for life in found if "OOMKilled" in seen(life)]
    ended, again, ready = (container(pod_of(change)) for change in life[:3])
    assert ended["state"]["terminated"]["exitCode"] == 137
    assert again["lastState"] == ended["state"]
    assert (ended["restartCount"], again["restartCount"]) == (0, 1)
    assert ready["ready"]


def test_a_wrong_image_alternates_and_is_rolled_back() -> None:
    found = lives(changes(World("incident"), 20)).values()
    (life,) = [life for life in found if "ErrImagePull" in seen(life)]
    waits = [container(pod_of(change))["state"].get("waiting", {}).get("reason") for change in life]
    assert waits[2:5] == ["ContainerCreating", "ErrImagePull", "ImagePullBackOff"]
    assert life[-1].type == "DELETED"


def test_a_lost_node_turns_pods_unready_and_replaces_them_elsewhere() -> None:
    found = lives(changes(World("incident"), 70))
    lost = [
        life
        for life in found.values()
        if any("DisruptionTarget" in conditions(pod_of(change)) for change in life)
    ]
    assert len(lost) > 2
    (node,) = {life[-1].after.fields["spec.nodeName"] for life in lost}
    for life in lost:
        unready, disrupted, deleting = (pod_of(change) for change in life[-6:-3])
        assert conditions(unready)["Ready"]["status"] == "False"
        assert container(unready)["ready"]
        assert conditions(disrupted)["DisruptionTarget"]["reason"] == "DeletionByTaintManager"
        assert "deletionTimestamp" not in disrupted["metadata"]
        assert "deletionTimestamp" in deleting["metadata"]
        assert life[-1].type == "DELETED"
    first = min(
        change.version for life in lost for change in life if "DisruptionTarget" in conditions(pod_of(change))
    )
    last = min(life[-1].version for life in lost)
    replacements = [
        life
        for life in found.values()
        if life[0].type == "ADDED" and first < life[0].version < last and len(life) > 1
    ]
    assert replacements
    assert node not in {life[1].after.fields["spec.nodeName"] for life in replacements}
    agents = [life for life in found.values() if life[0].after.key[2].startswith("node-agent")]
    assert [[conditions(pod_of(c))["Ready"]["status"] for c in life] for life in agents] == [
        ["False", "True"]
    ]


def test_a_lost_node_says_so_and_is_short_of_memory_later() -> None:
    told = [
        (
            node["metadata"]["name"],
            conditions(node)["Ready"]["status"],
            conditions(node)["MemoryPressure"]["status"],
        )
        for node in map(pod_of, changes(World("incident"), 80, resource="nodes"))
    ]
    assert len({name for name, *_ in told}) == 1
    assert [(ready, pressure) for _, ready, pressure in told] == [
        ("Unknown", "Unknown"),
        ("True", "False"),
        ("True", "True"),
        ("True", "False"),
    ]


def test_pods_are_talked_about_in_events() -> None:
    events = [pod_of(change) for change in changes(World("incident"), 70, resource="events")]
    assert {event["involvedObject"]["kind"] for event in events} == {"Pod"}
    assert {"Failed", "BackOff", "NodeNotReady", "Unhealthy"} <= {event["reason"] for event in events}
    counts = defaultdict(list)
    for event in events:
        counts[event["metadata"]["uid"]].append(event["count"])
    assert all(told == list(range(1, len(told) + 1)) for told in counts.values())
    assert max(map(max, counts.values())) >= 3


def test_events_do_not_grow() -> None:
    world = World("incident")
    for _ in range(4):
        world.advance(1_500)
        kept = [key for key in world.store.at(world.store.version) if key[0] == "events"]
        assert len(kept) <= KEPT
    assert len(kept) == KEPT


def test_pods_look_like_a_real_servers() -> None:
    world = World("incident", epoch=1_767_225_600.0)
    by_name = {pod["metadata"]["name"]: pod for pod in pods(world)}
    # A cluster has always been there before: nobody can watch it from its beginning.
    assert world.store.oldest == world.store.version
    owners = {pod["metadata"]["ownerReferences"][0]["kind"] for pod in by_name.values()}
    assert owners == {"ReplicaSet", "StatefulSet", "DaemonSet"}
    assert {"ledger-0", "ledger-1", "ledger-2"} <= by_name.keys()
    assert {pod["spec"]["nodeName"] for pod in by_name.values()} == {"node-a", "node-b", "node-c", "node-d"}
    cart = next(pod for name, pod in by_name.items() if name.startswith("cart-"))
    owner = cart["metadata"]["ownerReferences"][0]
    template = cart["metadata"]["labels"]["pod-template-hash"]
    assert owner["name"] == f"cart-{template}"
    assert owner["controller"] is True
    assert cart["metadata"]["name"].startswith(f"cart-{template}-")
    assert set(cart["metadata"]["name"].rpartition("-")[2]) <= set("bcdfghjklmnpqrstvwxz2456789")
    assert cart["metadata"]["creationTimestamp"] == cart["status"]["startTime"] < "2026-01-01T00:00:00Z"
    assert {k: c["status"] for k, c in conditions(cart).items()} == {
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }


# By hand


def test_apply_patch_and_delete_move_the_version_by_one() -> None:
    world = World()
    first = world.apply({"metadata": {"namespace": "shop", "name": "a", "labels": {"app": "a"}}})
    patched = world.patch(
        "shop", "a", {"metadata": {"labels": {"app": None, "b": "c"}}, "status": {"phase": "Running"}}
    )
    again = world.apply({"metadata": {"namespace": "shop", "name": "a"}})
    assert patched["metadata"]["labels"] == {"b": "c"}
    assert {first["metadata"]["uid"]} == {patched["metadata"]["uid"], again["metadata"]["uid"]}
    versions = [int(pod["metadata"]["resourceVersion"]) for pod in (first, patched, again)]
    assert versions == list(range(versions[0], versions[0] + 3))
    world.delete("shop", "a")
    last = world.store.change(world.store.version)
    assert (last.type, pod_of(last)["metadata"]["resourceVersion"]) == ("DELETED", str(versions[-1] + 1))
    with pytest.raises(KeyError):
        world.patch("shop", "a", {})
    with pytest.raises(KeyError):
        world.delete("shop", "a")
