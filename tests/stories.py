"""Stories of pods: what is done to them, and what is told. Each tells one thing."""

from __future__ import annotations

from kubelet import Step, bind, create, delete, end, ended, running, says, unschedulable, waiting

CREATING = says(waiting("ContainerCreating"), phase="Pending")
PULLED: list[Step] = [create(), bind(), CREATING]
UP: list[Step] = [*PULLED, says(running(ready=False)), says(running())]
BORN = ["created", "scheduled"]
LIVES = [*BORN, "started app", "ready"]
DOWN = says(running(ready=False))


def job(*containers: str, init: tuple[str, ...] = (), restart: str = "Never", name: str = "import") -> Step:
    """A pod of a Job, which the other steps know by the usual name."""
    names = containers or ("app",)
    owner = f"Job/{name}"
    return create(owner=owner, containers=names, init=init, restart=restart, job_name=name)


WORKS: list[Step] = [job(), bind(), says(running())]

STORIES: dict[str, tuple[list[Step], list[str]]] = {
    # A start
    "a start": (UP, LIVES),
    "a start in one step": ([create(), bind(), says(running())], LIVES),
    "no node, then one": (
        [create(), unschedulable(), bind(), says(running())],
        ["created", "unschedulable", *LIVES[1:]],
    ),
    "containers that are slow to be created": ([*PULLED, 61.0], [*BORN, "startup_slow"]),
    "init containers that are slow to be created": (
        [
            create(init=("clone",)),
            bind(),
            says(waiting("PodInitializing"), init=(waiting("PodInitializing", "clone"),), phase="Pending"),
            61.0,
        ],
        [*BORN, "startup_slow"],
    ),
    "a startup probe that takes its time": (
        [*PULLED, says(running(ready=False, started=False)), 61.0, says(running())],
        [*BORN, "started app", "startup_slow", "ready"],
    ),
    "a start in time": ([*PULLED, 50.0, says(running()), 50.0], LIVES),
    # Init containers
    "init containers": (
        [
            create(init=("clone", "migrate")),
            bind(),
            says(
                waiting("PodInitializing"),
                init=(running("clone", ready=False), waiting("PodInitializing", "migrate")),
                phase="Pending",
            ),
            says(
                waiting("PodInitializing"),
                init=(ended(0, 9, name="clone", ready=True), running("migrate", ready=False, since=9)),
                phase="Pending",
            ),
            says(
                waiting("PodInitializing"),
                init=(ended(0, 9, name="clone", ready=True), ended(0, 20, name="migrate", ready=True)),
                phase="Pending",
            ),
            says(
                running(since=21),
                init=(ended(0, 9, name="clone", ready=True), ended(0, 20, name="migrate", ready=True)),
            ),
        ],
        LIVES,
    ),
    "an init container that crashes": (
        [
            create(init=("migrate",)),
            bind(),
            says(waiting("PodInitializing"), init=(running("migrate", ready=False),), phase="Pending"),
            says(waiting("PodInitializing"), init=(ended(2, 9, name="migrate"),), phase="Pending"),
            says(
                waiting("PodInitializing"),
                init=(running("migrate", ready=False, since=10, restarts=1, last=end(2, 9)),),
                phase="Pending",
            ),
            says(
                waiting("PodInitializing"),
                init=(waiting("CrashLoopBackOff", "migrate", restarts=1, last=end(2, 15)),),
                phase="Pending",
            ),
        ],
        [*BORN, "crashed", "crash_loop"],
    ),
    "an init container whose image is not there": (
        [
            create(init=("migrate",)),
            bind(),
            says(waiting("PodInitializing"), init=(waiting("ErrImagePull", "migrate"),), phase="Pending"),
            says(waiting("PodInitializing"), init=(waiting("ImagePullBackOff", "migrate"),), phase="Pending"),
        ],
        [*BORN, "image_failed"],
    ),
    # Sidecars: init containers that go on
    "a sidecar that starts before": (
        [
            create(init=("proxy",)),
            bind(),
            says(
                waiting("PodInitializing"),
                init=(running("proxy", ready=False, started=False),),
                phase="Pending",
            ),
            says(waiting("PodInitializing"), init=(running("proxy"),), phase="Pending"),
            says(running(ready=False, since=9), init=(running("proxy"),)),
            says(running(since=9), init=(running("proxy"),)),
        ],
        LIVES,
    ),
    "a sidecar that starts in the same step": (
        [create(init=("proxy",)), bind(), says(running(), init=(running("proxy"),))],
        LIVES,
    ),
    "a sidecar that crashes": (
        [
            create(init=("proxy",)),
            bind(),
            says(running(), init=(running("proxy"),)),
            says(running(), init=(ended(1, 30, name="proxy"),), ready=False),
            says(running(), init=(running("proxy", since=31, restarts=1, last=end(1, 30)),), ready=True),
        ],
        [*LIVES, "crashed", "ready"],
    ),
    "a sidecar that is started again": (
        [
            create(init=("proxy",)),
            bind(),
            says(running(), init=(running("proxy"),)),
            says(running(), init=(running("proxy", since=31, restarts=1, last=end(0, 30)),)),
        ],
        [*LIVES, "restarted"],
    ),
    "a sidecar that fails its probe": (
        [
            create(init=("proxy",)),
            bind(),
            says(running(), init=(running("proxy"),)),
            says(running(), init=(running("proxy", ready=False),), ready=False),
        ],
        [*LIVES, "unready"],
    ),
    # Several containers
    "several containers, one after the other": (
        [
            create(containers=("app", "proxy")),
            bind(),
            says(waiting("ContainerCreating"), running("proxy"), phase="Pending"),
            says(running(since=9), running("proxy")),
        ],
        [*BORN, "started proxy", "started app", "ready"],
    ),
    "several containers at once": (
        [create(containers=("app", "proxy")), bind(), says(running(), running("proxy"))],
        [*BORN, "started app, proxy", "ready"],
    ),
    "one of several containers that crashes": (
        [
            create(containers=("app", "proxy")),
            bind(),
            says(running(), running("proxy")),
            says(running(), ended(1, 30, name="proxy")),
            says(running(), running("proxy", since=31, restarts=1, last=end(1, 30))),
        ],
        [*BORN, "started app, proxy", "ready", "crashed", "started proxy", "ready"],
    ),
    "several troubles in one step: the worst is told": (
        [
            create(containers=("app", "proxy")),
            bind(),
            says(running(), running("proxy")),
            says(ended(1, 30), ended(137, 30, "OOMKilled", "proxy")),
        ],
        [*BORN, "started app, proxy", "ready", "oom_killed"],
    ),
    # Jobs
    "work that is done": ([*WORKS, says(ended(0, 30), phase="Succeeded")], [*LIVES, "completed"]),
    "work that is seen when it is done": (
        [job(), bind(), says(ended(0, 30), phase="Succeeded")],
        [*BORN, "completed"],
    ),
    "work that fails": ([*WORKS, says(ended(1, 30), phase="Failed")], [*LIVES, "crashed"]),
    "work that takes too long": (
        [
            *WORKS,
            says(phase="Failed", reason="DeadlineExceeded", message="Pod was active on the node longer ..."),
        ],
        [*LIVES, "failed"],
    ),
    "work that is done at the second try, the first not seen": (
        [
            job(restart="OnFailure"),
            bind(),
            says(running()),
            says(ended(0, 60, restarts=1, last=end(1, 30)), phase="Succeeded"),
        ],
        [*LIVES, "crashed", "completed"],
    ),
    "work in two containers, one done first": (
        [
            job("app", "report"),
            bind(),
            says(running(), running("report")),
            says(ended(0, 30), running("report")),
            says(ended(0, 30), ended(0, 40, name="report"), phase="Succeeded"),
        ],
        [*BORN, "started app, report", "ready", "completed"],
    ),
    "work with a sidecar that is told to end": (
        [
            job(init=("proxy",)),
            bind(),
            says(running(), init=(running("proxy"),)),
            says(ended(0, 30), init=(running("proxy"),)),
            says(ended(0, 30), init=(ended(137, 60, name="proxy"),)),
            says(ended(0, 30), init=(ended(137, 60, name="proxy"),), phase="Succeeded"),
        ],
        [*LIVES, "completed"],
    ),
    "work with a sidecar that crashes meanwhile": (
        [
            job(init=("proxy",)),
            bind(),
            says(running(), init=(running("proxy"),)),
            says(running(), init=(ended(1, 20, name="proxy"),), ready=False),
        ],
        [*LIVES, "crashed"],
    ),
    "work that is done and cleaned up": (
        [*WORKS, says(ended(0, 30), phase="Succeeded"), delete()],
        [*LIVES, "completed", "terminating", "deleted"],
    ),
    # Static pods, and pods of a DaemonSet
    "a static pod whose manifest changes": (
        [
            *(
                static := [
                    create(
                        "etcd-node-a",
                        "Node/node-a",
                        node="node-a",
                        annotations={"kubernetes.io/config.mirror": "1"},
                        component="etcd",
                    ),
                    says(running(), pod="etcd-node-a"),
                ]
            ),
            delete("etcd-node-a"),
            *static,
        ],
        [*LIVES, "terminating", "deleted", *LIVES],
    ),
    "a pod of a DaemonSet on a node that is not heard from": (
        [
            create(
                "agent-x2j4q",
                "DaemonSet/agent",
                controller_revision_hash="84987dc58",
                pod_template_generation="1",
            ),
            bind("agent-x2j4q"),
            says(running(), pod="agent-x2j4q"),
            says(running(), pod="agent-x2j4q", ready=False),
            says(running(), pod="agent-x2j4q"),
        ],
        [*LIVES, "unready", "ready"],
    ),
    "a pod of a StatefulSet that is made anew": (
        [
            *(
                db := [
                    create("db-0", "StatefulSet/db", statefulset__pod_name="db-0"),
                    bind("db-0"),
                    says(running(), pod="db-0"),
                ]
            ),
            delete("db-0", grace=30),
            delete("db-0"),
            *db,
        ],
        [*LIVES, "terminating", "deleted", *LIVES],
    ),
    # Readiness
    "a readiness that is lost": ([*UP, DOWN], [*LIVES, "unready"]),
    "a readiness that turns and turns": (
        [*UP, DOWN, 60.0, says(running()), 60.0, DOWN],
        [*LIVES, "unready", "ready", "unready", "flapping"],
    ),
    # Crashes
    "a crash": (
        [*UP, says(ended(1, 30)), says(running(since=31, restarts=1, last=end(1, 30)))],
        [*LIVES, "crashed", "started app", "ready"],
    ),
    "a crash that is seen by its count alone": (
        [*UP, says(running(since=31, restarts=1, last=end(1, 30)))],
        [*LIVES, "started app", "crashed"],
    ),
    "a restart count that jumps": (
        [*UP, says(running(since=91, restarts=4, last=end(1, 90)))],
        [*LIVES, "started app", "crashed"],
    ),
    "a restart count that jumps after clean ends": (
        [*UP, says(running(since=91, restarts=4, last=end(0, 90)))],
        [*LIVES, "started app", "restarted"],
    ),
    "a restart count that jumps with nothing to say why": (
        [*UP, says(running(since=91, restarts=4))],
        [*LIVES, "started app", "restarted"],
    ),
    "a restart count that falls": (
        [
            *UP,
            says(running(since=31, restarts=4, last=end(1, 30))),
            says(running(since=31, restarts=1, last=end(1, 30))),
        ],
        [*LIVES, "started app", "crashed"],
    ),
    "a clean end": (
        [*UP, says(ended(0, 30)), says(running(since=31, restarts=1, last=end(0, 30)))],
        [*LIVES, "unready", "started app", "restarted", "ready"],
    ),
    "crashes that become a loop": (
        [
            *UP,
            says(ended(1, 30)),
            says(running(ready=False, since=31, restarts=1, last=end(1, 30))),
            says(waiting("CrashLoopBackOff", restarts=1, last=end(1, 40))),
            says(waiting("CrashLoopBackOff", restarts=1, last=end(1, 40), message="back-off 20s")),
            says(waiting("CrashLoopBackOff", restarts=2, last=end(1, 60))),
        ],
        [*LIVES, "crashed", "started app", "crash_loop", "crash_loop"],
    ),
    "too little memory": (
        [
            *UP,
            says(ended(137, 30, "OOMKilled")),
            says(running(since=31, restarts=1, last=end(137, 30, "OOMKilled"))),
        ],
        [*LIVES, "oom_killed", "started app", "ready"],
    ),
    "too little memory, then a crash, neither seen": (
        [*UP, says(ended(1, 60, restarts=1, last=end(137, 30, "OOMKilled")))],
        [*LIVES, "oom_killed"],
    ),
    # Latches
    "an image that is not there for either of two containers": (
        [
            create(containers=("app", "proxy")),
            bind(),
            says(waiting("ErrImagePull"), waiting("ContainerCreating", "proxy"), phase="Pending"),
            says(waiting("ImagePullBackOff"), waiting("ContainerCreating", "proxy"), phase="Pending"),
            says(waiting("ErrImagePull"), waiting("ErrImagePull", "proxy"), phase="Pending"),
            says(waiting("ImagePullBackOff"), waiting("ImagePullBackOff", "proxy"), phase="Pending"),
        ],
        [*BORN, "image_failed", "image_failed"],
    ),
    "a command that is not there": (
        [
            *PULLED,
            says(waiting("RunContainerError", last=end(128, 30, "StartError"))),
            says(waiting("CrashLoopBackOff", restarts=1, last=end(128, 31, "StartError"))),
            says(waiting("RunContainerError", restarts=1, last=end(128, 31, "StartError"))),
            says(waiting("CrashLoopBackOff", restarts=2, last=end(128, 51, "StartError"))),
        ],
        [*BORN, "config_failed", "crash_loop", "crash_loop"],
    ),
    "a configuration that is mended": (
        [
            *PULLED,
            says(waiting("CreateContainerConfigError")),
            says(waiting("CreateContainerError")),
            says(running()),
        ],
        [*BORN, "config_failed", "started app", "ready"],
    ),
    # Ends from outside
    "an end in peace": (
        [*UP, delete(grace=30), says(ended(143, 60), phase="Failed"), delete()],
        [*LIVES, "terminating", "deleted"],
    ),
    "an end at once": ([*UP, delete()], [*LIVES, "terminating", "deleted"]),
    "an end before a node was found": ([create(), delete(grace=30)], ["created", "terminating", "deleted"]),
    "an end that does not come": (
        [*UP, delete(grace=30), 59.0, DOWN, 2.0],
        [*LIVES, "terminating", "stuck_terminating"],
    ),
    "an eviction whose container ends later": (
        [
            *UP,
            says(running(), phase="Failed", reason="Evicted", ready=False),
            says(ended(137, 60), phase="Failed", reason="Evicted"),
        ],
        [*LIVES, "evicted"],
    ),
    "an eviction by the kubelet": (
        [*UP, says(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")],
        [*LIVES, "evicted"],
    ),
    "room made by the kubelet": (
        [*UP, says(phase="Failed", reason="Preempting", message="Preempted in order to admit critical pod")],
        [*LIVES, "preempted"],
    ),
    "room made by the scheduler": (
        [*UP, says(running(), disrupted="PreemptionByScheduler"), delete(grace=30), delete()],
        [*LIVES, "preempted", "deleted"],
    ),
    "a drain": (
        [*UP, says(running(), disrupted="EvictionByEvictionAPI"), delete(grace=30), delete()],
        [*LIVES, "drained", "deleted"],
    ),
    "a drain without grace": (
        [*UP, says(running(), disrupted="EvictionByEvictionAPI"), delete()],
        [*LIVES, "drained", "deleted"],
    ),
    "a taint": (
        [*UP, says(running(), disrupted="DeletionByTaintManager"), delete(grace=30), delete()],
        [*LIVES, "node_lost", "terminating", "deleted"],
    ),
    "a node that is gone": (
        [*UP, says(running(), disrupted="DeletionByPodGC", phase="Failed"), delete()],
        [*LIVES, "node_lost", "terminating", "deleted"],
    ),
    "a node that two pods fall silent on": (
        [
            *(
                step
                for pod in ("cart-a", "cart-b")
                for step in (create(pod), bind(pod), says(running(), pod=pod))
            ),
            says(running(), pod="cart-a", ready=False),
            says(running(), pod="cart-b", ready=False),
        ],
        [*LIVES, *LIVES, "unready", "unready", "node_lost"],
    ),
    # Reasons
    **{
        f"an image: {reason}": ([*PULLED, says(waiting(reason), phase="Pending")], [*BORN, "image_failed"])
        for reason in (
            "ErrImagePull",
            "ImagePullBackOff",
            "ErrImageNeverPull",
            "InvalidImageName",
            "ImageInspectError",
            "RegistryUnavailable",
            "SignatureValidationFailed",
        )
    },
    **{
        f"a configuration: {reason}": (
            [*PULLED, says(waiting(reason), phase="Pending")],
            [*BORN, "config_failed"],
        )
        for reason in (
            "CreateContainerConfigError",
            "CreateContainerError",
            "RunContainerError",
            "PreStartHookError",
            "PostStartHookError",
        )
    },
    **{
        f"a failure: {reason}": ([create(), bind(), says(phase="Failed", reason=reason)], [*BORN, "failed"])
        for reason in ("NodeAffinity", "OutOfcpu", "UnexpectedAdmissionError", "Terminated")
    },
}

OWNERS: dict[str, tuple[Step, str]] = {
    "a Deployment": (create(), "Deployment/cart"),
    "a ReplicaSet of its own": (create(owner="ReplicaSet/cart", app="cart"), "ReplicaSet/cart"),
    "a Rollout of Argo": (
        create(owner="ReplicaSet/cart-7f9c6d5b48", rollouts_pod_template_hash="7f9c6d5b48"),
        "ReplicaSet/cart-7f9c6d5b48",
    ),
    "a StatefulSet": (create(owner="StatefulSet/db", statefulset__pod_name="db-0"), "StatefulSet/db"),
    "a DaemonSet": (create(owner="DaemonSet/agent", controller_revision_hash="84987dc58"), "DaemonSet/agent"),
    "a Job": (job(name="import"), "Job/import"),
    "a Job that is named after a day": (job(name="import-20261124"), "Job/import-20261124"),
    "a Job that is numbered": (job(name="import-7"), "Job/import-7"),
    "a CronJob": (job(name="nightly-29384701"), "CronJob/nightly"),
    "a CronJob before 1.21": (job(name="nightly-1763942400"), "CronJob/nightly"),
    "a static pod": (create("etcd-node-a", "Node/node-a", component="etcd", node="node-a"), "Node/node-a"),
    "nobody": (create("bare", ""), ""),
}
"""Who owns a pod, and whom a person would name."""
