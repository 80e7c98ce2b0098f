"""Whether there is a way to the cluster, and what the user may read there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from sonickube_tui.doctor.check import ANSWER_LIMIT, Check, State, some, told
from sonickube_tui.errors import UserError
from sonickube_tui.settings import Settings

if TYPE_CHECKING:
    from sonickube_tui.cluster.connect import Api
    from sonickube_tui.cluster.permissions import Permissions


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


async def clusters(settings: Settings) -> list[Check]:
    """All contexts at once: told check by check, and what is the same of all is said once."""
    contexts = settings.contexts
    if len(contexts) < 2:
        return (await _cluster(settings, next(iter(contexts), None)))[0]
    looked_at = await asyncio.gather(*(_cluster(settings, context) for context in contexts))
    found: list[Check] = []
    for row in zip(*(checks for checks, _ in looked_at), strict=True):
        if len(set(row)) == 1:
            found.append(row[0])
            continue
        for context, check in zip(contexts, row, strict=True):
            found.append(msgspec.structs.replace(check, says=f"{context}: {check.says}"))
    return found + _doubles(dict(zip(contexts, (server for _, server in looked_at), strict=True)))


def _doubles(servers: Mapping[str, str]) -> list[Check]:
    """Contexts that are the same server, from the server of each; an empty one is not known."""
    checks = []
    for server in filter(None, dict.fromkeys(servers.values())):
        names = [name for name, its in servers.items() if its == server]
        if len(names) > 1:
            says = f"{' and '.join(names)} are the same server {server}: its events are heard once for each"
            checks.append(Check("contexts", State.WARNING, says, "leave out all but one"))
    return checks


async def _cluster(settings: Settings, context: str | None) -> tuple[list[Check], str]:
    """The checks, and the server where there is a way to one.

    Each step needs the one before it: after one that fails, the others are not made.
    """
    from sonickube_tui.cluster.connect import ApiError, Unreachable, connect
    from sonickube_tui.cluster.permissions import permissions
    from sonickube_tui.cluster.watching import NONSENSE

    names = ["kubeconfig", "api server", "permissions", *(["selector"] if settings.selector else [])]
    checks: list[Check] = []
    server, failure = "", ""
    try:
        async with asyncio.timeout(ANSWER_LIMIT), await connect(settings.kubeconfig, context) as api:
            server = api.server
            checks.append(_kubeconfig(settings, api))
            checks.append(await _api_server(api))
            found = await permissions(api, settings.namespaces)
            checks.append(_permissions(found, settings.namespaces))
            if settings.selector and found.scope is not None:
                await api.get(f"/api/v1{found.scope}/pods", limit="1", labelSelector=settings.selector)
                checks.append(Check("selector", State.OK, f"{settings.selector} is understood"))
    except UserError as error:
        failure = str(error)
    except Unreachable as error:
        failure = f"{server}: {error}; is the cluster up, and the way to it open (VPN, proxy, firewall)?"
    except TimeoutError:
        who = server or "the credential plug-in"
        failure = f"{who} gave no answer within {ANSWER_LIMIT:g} s; does kubectl get pods have one?"
    except ApiError as error:
        failure = f"{server} refused ({error.code}): {error}; {_REFUSED.get(error.code, 'try again later')}"
    except NONSENSE:
        failure = f"{server} does not answer as Kubernetes does; {_REFUSED[404]}"
    if failure:
        checks.append(told(names[len(checks)], failure))
    left_out = f"not looked at, for want of: {checks[-1].name}"
    return checks + [Check(name, State.WARNING, left_out) for name in names[len(checks) :]], server


_REFUSED = {
    400: "mend the selector; kubectl get pods -l wants the same",
    401: "log in again, as the user whom the context names",
    403: "ask those who run the cluster what the context's user may do",
    404: "check the server of the kubeconfig's cluster",
}


def _kubeconfig(settings: Settings, api: Api) -> Check:
    from sonickube_tui.cluster.connect import contexts

    if api.cluster == "in-cluster":
        return Check("kubeconfig", State.OK, "none, but the service account of this pod")
    there = contexts(settings.kubeconfig)
    used = settings.contexts or (api.cluster,)
    marks = dict.fromkeys(used, " (used)") | {there.current: " (current)"}
    names = sorted(there.names, key=lambda name: name not in marks)
    listed = some([f"{name}{marks.get(name, '')}" for name in names])
    return Check("kubeconfig", State.OK, f"{there.paths}: {listed}")


async def _api_server(api: Api) -> Check:
    began = time.monotonic()
    version = msgspec.json.decode(await api.get("/version"), type=_Version).git_version
    took = 1000 * (time.monotonic() - began)
    return Check("api server", State.OK, f"Kubernetes {version} at {api.server} answered in {took:.0f} ms")


def _permissions(found: Permissions, given: Sequence[str]) -> Check:
    lacking = found.lacking
    if not found.asked:
        return Check("permissions", State.WARNING, f"no namespace matches {some(given)} yet")
    if found.in_part and not lacking:
        says = f"pods: list is denied cluster-wide and in {some(found.asked)}"
        return told("permissions", f"{says}; name a namespace where you have it, with -n")
    places = {name: name or "all namespaces" for name in lacking}
    denied = [f"{' and '.join(verbs)} in {places[name]}" for name, verbs in lacking.items() if verbs]
    allowed = [name for name, verbs in lacking.items() if not verbs]
    if denied:
        others = f"follow only -n {' -n '.join(allowed)}" if allowed else "name a namespace with -n"
        return told("permissions", f"pods: denied is {some(denied)}; ask for it, or {others}")
    says = f"pods: list and watch in {some([places[name] for name in allowed])}"
    if found.in_part:
        return told("permissions", f"{says}, not in others; -n chooses among them", State.WARNING)
    return Check("permissions", State.OK, says)
