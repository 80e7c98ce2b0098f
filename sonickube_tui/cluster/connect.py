"""To the API server: kubeconfig or service account, and raw bytes from its paths.

The Kubernetes client's models are passed by: reading pods through them is some fifteen times slower.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from sonickube_tui.cluster.pod import ServerStatus, decode_status
from sonickube_tui.errors import UserError

REQUEST_TIMEOUT = 30.0
"""Seconds for one answer, or for one piece of it."""

_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class ApiError(Exception):
    """The API server's refusal: the HTTP status, and `reason` and text of its Status object."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message or reason or f"HTTP {code}")
        self.code = code
        self.reason = reason

    @property
    def expired(self) -> bool:
        """Whether the version or the page asked for is no longer there."""
        return self.code == 410 or self.reason in ("Expired", "Gone")


class Unreachable(Exception):
    """No answer from the API server: refused, timed out, cut off. Worth another try."""


class Api:
    """GET and POST on raw paths of one cluster; use as an async context manager.

    `cluster` is the context's name, `namespace` the one the context names.
    """

    def __init__(self, configuration: Configuration, *, cluster: str, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.server = str(configuration.host)
        try:
            self._client = ApiClient(configuration)
        except OSError as error:
            raise UserError(f"the certificates for {self.server} cannot be read: {error}") from None

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def get(self, path: str, **query: str) -> bytes:
        """The whole answer. Raises ApiError, Unreachable, and UserError for an untrusted certificate."""
        return await self._whole("GET", path, query)

    async def post(self, path: str, body: object) -> bytes:
        """Send JSON and return the whole answer. Raises as `get` does."""
        return await self._whole("POST", path, {}, body)

    async def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
        """The answer line by line as it comes, until the server ends it.

        `idle` is the number of seconds without a byte after which the connection counts as dead: a
        half-open one is silent for ever. Raises as `get` does.
        """
        response = await self._request("GET", path, query, None, idle)
        rest = b""
        try:
            async for piece in response.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
                for line in filter(None, lines):
                    yield line
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_why(error)) from error
        finally:
            response.close()

    async def _whole(self, method: str, path: str, query: Mapping[str, str], body: object = None) -> bytes:
        response = await self._request(method, path, query, body, REQUEST_TIMEOUT)
        try:
            return await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_why(error)) from error

    async def _request(
        self, method: str, path: str, query: Mapping[str, str], body: object, idle: float
    ) -> aiohttp.ClientResponse:
        headers: dict[str, str] = {"Accept": "application/json"}
        pairs = [(key, value) for key, value in query.items() if value]
        await self._client.update_params_for_auth(headers, pairs, ["BearerToken"], path, method, body)
        url = f"{self.server}{path}" + (f"?{urlencode(pairs)}" if pairs else "")
        timeout = aiohttp.ClientTimeout(sock_connect=REQUEST_TIMEOUT, sock_read=idle)
        try:
            answer = await self._client.call_api(
                method, url, header_params=headers, body=body, _request_timeout=timeout
            )
            response: aiohttp.ClientResponse = answer.response
            if response.status >= 400:
                raise _refusal(response.status, await response.read())
        except aiohttp.ClientConnectorCertificateError as error:
            raise UserError(
                f"the certificate of {self.server} is not trusted: {error.certificate_error}; "
                "check certificate-authority in the kubeconfig"
            ) from None
        except aiohttp.InvalidURL:
            raise UserError(f"the kubeconfig's server {self.server!r} is not a URL") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_why(error)) from error
        return response


def _refusal(code: int, body: bytes) -> ApiError:
    try:
        status = decode_status(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = ServerStatus(message=body[:200].decode("utf-8", "replace").strip())
    return ApiError(code, status.reason, status.message)


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke off"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number) if number else str(error.os_error)
    return str(error) or type(error).__name__


async def connect(kubeconfig: str | None = None, context: str | None = None) -> Api:
    """Read the kubeconfig, or inside a pod its service account, and authenticate.

    Raises UserError that says what is missing; credential plug-ins are kept off the terminal.
    """
    configuration = Configuration()
    paths = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    if not _any_file(paths):
        if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _in_cluster(configuration)
        raise UserError(f"no kubeconfig at {paths}; name one with --kubeconfig, or try: sonickube demo")
    with _Complaints() as complaints:
        loader = _loader(paths, context)
        user = loader.current_context["context"].get("user")
        try:
            await loader.load_and_set(configuration)
        except (ConfigException, OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"kubeconfig {paths}: {_one_line(error)}") from None
    if complaints.texts and not (configuration.api_key or configuration.cert_file):
        raise UserError(
            f"the credentials of user {user!r} could not be had: {_one_line(complaints.texts[-1])}"
        )
    configuration.refresh_api_key_hook = loader.load_and_set
    return Api(
        configuration,
        cluster=loader.current_context["name"],
        namespace=loader.current_context["context"].get("namespace") or "default",
    )


def _any_file(paths: str) -> bool:
    return any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path)


def _loader(paths: str, context: str | None) -> KubeConfigLoader:
    try:
        config = KubeConfigMerger(paths).config
        names = [entry["name"] for entry in config.value.get("contexts") or [] if "name" in entry]
        wanted = context or config.value.get("current-context")
    except Exception as error:
        # The merger lets through whatever YAML and a wrong shape raise.
        raise UserError(f"{paths} is not a kubeconfig: {_one_line(error)}") from None
    if not wanted:
        raise UserError(
            f"kubeconfig {paths} has no current context; name one with --context: {', '.join(names)}"
        )
    if wanted not in names:
        raise UserError(f"kubeconfig {paths} has no context {wanted!r}; it has: {', '.join(names) or 'none'}")
    try:
        return KubeConfigLoader(config_dict=config, config_base_path=None, active_context=wanted)
    except ConfigException as error:
        raise UserError(f"kubeconfig {paths}: {_one_line(error)}") from None


def _in_cluster(configuration: Configuration) -> Api:
    try:
        load_incluster_config(client_configuration=configuration)
        namespace = _SERVICE_ACCOUNT_NAMESPACE.read_text("utf-8").strip()
    except (ConfigException, OSError) as error:
        raise UserError(f"the pod's service account cannot be used: {_one_line(error)}") from None
    return Api(configuration, cluster="in-cluster", namespace=namespace or "default")


def plain(url: str, cluster: str) -> Api:
    """An API server that asks for no credentials, such as the simulated one."""
    return Api(Configuration(host=url), cluster=cluster, namespace="default")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


class _Complaints(logging.Handler):
    """Catches what the client's config loader logs: it swallows a failing credential plug-in's error, and
    unhandled log lines would be written over the screen."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._logger = logging.getLogger("kubernetes.aio.config")

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def __enter__(self) -> _Complaints:
        self._logger.addHandler(self)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = True
