"""Whether a user may list and watch the pods that are wanted, as the API server's access reviews say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError
from sonickube_tui.cluster.patterns import parse
from sonickube_tui.cluster.survey import namespaces


class Permissions(msgspec.Struct, frozen=True):
    """What a user lacks.

    `asked` are the namespaces that were asked for; the empty name stands for all at once. `lacking` has the
    verbs on pods that are denied in each. `in_part` says that all at once may not be listed: `lacking` then
    has only the namespaces that may be, one by one.
    """

    asked: Sequence[str]
    lacking: Mapping[str, Sequence[str]]
    in_part: bool = False

    @property
    def scope(self) -> str | None:
        """The path of a namespace, or of all, whose pods may be followed; None where something is denied."""
        if not self.lacking or any(self.lacking.values()):
            return None
        first = next(iter(self.lacking))
        return f"/namespaces/{first}" if first else ""


class _Verdict(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Verdict


async def permissions(api: Api, given: Sequence[str] = ()) -> Permissions:
    """Whether the namespaces or patterns `given` could be followed, or without any all of them.

    Raises UserError for a bad pattern, ApiError, Unreachable, and msgspec.DecodeError for an answer that is
    not Kubernetes'.
    """
    wanted = parse(given)
    patterned = bool(given) and not wanted.named
    asked = [*filter(wanted.has, await _namespaces(api))] if patterned else wanted.names or [""]
    lacking = await _lacking(api, asked)
    if "list" not in lacking.get("", ()):
        return Permissions(asked, lacking)
    # As when it is followed: one by one, the namespaces that may be listed.
    asked = await _namespaces(api)
    lacking = {name: verbs for name, verbs in (await _lacking(api, asked)).items() if "list" not in verbs}
    return Permissions(asked, lacking, in_part=True)


async def _namespaces(api: Api) -> list[str]:
    try:
        return await namespaces(api)
    except ApiError as error:
        if error.code != 403:
            raise
        return [api.namespace]


async def _lacking(api: Api, namespaces: Sequence[str]) -> dict[str, list[str]]:
    async def may(namespace: str, verb: str) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": namespace, "verb": verb, "resource": "pods"}},
        }
        answer = await api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return msgspec.json.decode(answer, type=_Review).status.allowed

    asked = [(name, verb) for name in dict.fromkeys(namespaces) for verb in ("list", "watch")]
    lacking: dict[str, list[str]] = {name: [] for name in namespaces}
    for (name, verb), yes in zip(asked, await asyncio.gather(*(may(*one) for one in asked)), strict=True):
        lacking[name] += [] if yes else [verb]
    return lacking
