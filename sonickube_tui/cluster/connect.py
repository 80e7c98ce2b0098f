"""To the API server: kubeconfig or service account, and raw bytes from its paths.

The Kubernetes client's models are passed by: reading pods through them is some fifteen times slower.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import ConfigNode, KubeConfigLoader, KubeConfigMerger

from sonickube_tui.cluster.plugin import Plugin, PluginFailed
from sonickube_tui.cluster.pod import ServerStatus, decode_status
from sonickube_tui.errors import UserError

REQUEST_TIMEOUT = 30.0
"""Seconds for one answer, or for one piece of it."""

_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_UNREADABLE = (ConfigException, OSError, ValueError, TypeError, KeyError, aiohttp.ClientError)
"""What the client's loaders raise for files and answers that do not give credentials."""


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

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered a little later: the server is busy, or not well."""
        return self.code == 429 or self.code >= 500


class Unreachable(Exception):
    """No answer from the API server: refused, timed out, cut off. Worth another try."""


class Api:
    """GET and POST on raw paths of one cluster; use as an async context manager.

    `cluster` is the context's name, `namespace` the one the context names; `plugin` is told when the server
    refuses its credential.
    """

    def __init__(
        self, configuration: Configuration, *, cluster: str, namespace: str, plugin: Plugin | None = None
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.server = str(configuration.host)
        self.streams_lists = True
        """Whether a watch may be asked to begin with all objects; False once the server has refused."""
        self._plugin = plugin
        # Every watch keeps a connection: with a limit, the watch past it would wait for ever.
        configuration.connection_pool_maxsize = 0
        if _loopback(self.server):
            # As kubectl: only a proxy that the kubeconfig names is asked for this machine.
            configuration.client_session_kwargs = {"trust_env": False}
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

    async def lines(
        self, path: str, *, idle: float, begun: bool = False, **query: str
    ) -> AsyncGenerator[bytes]:
        """The answer line by line as it comes, until the server ends it.

        `idle` is the number of seconds without a byte after which the connection counts as dead: a
        half-open one is silent for ever. With `begun` an empty line comes first, as soon as the server has
        accepted the request. Raises as `get` does.
        """
        response = await self._request("GET", path, query, None, idle)
        rest = b""
        try:
            if begun:
                yield b""
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
        pairs = [(key, value) for key, value in query.items() if value]
        url = f"{self.server}{path}" + (f"?{urlencode(pairs)}" if pairs else "")
        headers = await self._headers()
        try:
            return await self._send(method, url, headers, body, idle)
        except ApiError as error:
            if error.code != 401 or self._plugin is None or "Authorization" not in headers:
                raise
            self._plugin.refused(headers["Authorization"])
        return await self._send(method, url, await self._headers(), body, idle)

    async def _headers(self) -> dict[str, str]:
        try:
            credentials = await self._client.configuration.auth_settings()
        except (PluginFailed, *_UNREADABLE) as error:
            raise Unreachable(f"the credentials could not be renewed: {_one_line(error)}") from error
        headers = {"Accept": "application/json"}
        if "BearerToken" in credentials:
            headers["Authorization"] = credentials["BearerToken"]["value"]
        return headers

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: object, idle: float
    ) -> aiohttp.ClientResponse:
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
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise UserError(
                f"the kubeconfig's server {self.server!r} is not a URL with http:// or https://"
            ) from None
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
    if isinstance(error, aiohttp.ClientConnectorDNSError | aiohttp.ClientSSLError):
        # Their numbers are not the system's.
        return error.os_error.strerror or str(error.os_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number) if number else str(error.os_error)
    return str(error) or type(error).__name__


async def connect(kubeconfig: str | None = None, context: str | None = None) -> Api:
    """Read the kubeconfig, or inside a pod its service account, and authenticate.

    Raises UserError that says what is missing; credential plug-ins are kept off the terminal.
    """
    configuration = Configuration()
    paths = _paths(kubeconfig)
    if not _any_file(paths):
        if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _in_cluster(configuration)
        raise _no_file(paths)
    loader, plugin = _loader(paths, context)
    chosen = loader.current_context["context"]

    async def renew(configuration: Configuration) -> None:
        if plugin:
            await plugin.renew()
        await loader.load_and_set(configuration)

    try:
        await renew(configuration)
    except PluginFailed as error:
        raise UserError(f"the credentials of user {chosen['user']!r} could not be had: {error}") from None
    except _UNREADABLE as error:
        raise UserError(f"kubeconfig {paths}: {_one_line(error)}") from None
    configuration.refresh_api_key_hook = renew
    return Api(
        configuration,
        cluster=loader.current_context["name"],
        namespace=chosen.get("namespace") or "default",
        plugin=plugin,
    )


class Contexts(msgspec.Struct, frozen=True):
    """The contexts of a kubeconfig: the `paths` it was read from, all `names`, and the `current` one."""

    paths: str
    names: list[str]
    current: str | None

    def check(self, *wanted: str) -> None:
        """Raises UserError that names those of the wanted ones that are not there."""
        if lacking := [name for name in wanted if name not in self.names]:
            there = ", ".join(self.names) or "none"
            raise UserError(
                f"kubeconfig {self.paths} has no context {', '.join(map(repr, lacking))}; it has: {there}"
            )


def contexts(kubeconfig: str | None = None) -> Contexts:
    """The contexts that there are. Raises UserError when there is no kubeconfig, or it is not one."""
    paths = _paths(kubeconfig)
    if not _any_file(paths):
        raise _no_file(paths)
    return _read(paths)[1]


def _paths(kubeconfig: str | None) -> str:
    return kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"


def _any_file(paths: str) -> bool:
    return any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path)


def _no_file(paths: str) -> UserError:
    return UserError(f"no kubeconfig at {paths}; name one with --kubeconfig, or try: sonickube demo")


def _read(paths: str) -> tuple[ConfigNode, Contexts]:
    try:
        merger = KubeConfigMerger(paths)
        config = merger.config
        names = [entry["name"] for entry in config.value.get("contexts") or [] if "name" in entry]
        # As kubectl: the first file that sets one decides. The merger lets the last do so.
        currents = (file.get("current-context") for file in merger.config_files.values())
        return config, Contexts(paths, names, next(filter(None, currents), None))
    except Exception as error:
        # The merger lets through whatever YAML and a wrong shape raise.
        raise UserError(f"{paths} is not a kubeconfig: {_one_line(error)}") from None


def _loader(paths: str, context: str | None) -> tuple[KubeConfigLoader, Plugin | None]:
    """What reads the context's cluster and user, and the plug-in that must have run before."""
    config, there = _read(paths)
    wanted = context or there.current
    if not wanted:
        raise UserError(
            f"kubeconfig {paths} has no current context; name one with --context: {', '.join(there.names)}"
        )
    there.check(wanted)
    try:
        loader = KubeConfigLoader(config_dict=config, config_base_path=None, active_context=wanted)
        user = config["users"].get_with_name(loader.current_context["context"].get("user"), safe=True)
        # Taken out, or the client would run the plug-in as well.
        program = user and user.value["user"].pop("exec", None)
        return loader, Plugin(program, user.value["user"]) if program else None
    except (ConfigException, ValueError) as error:
        raise UserError(f"kubeconfig {paths}: {_one_line(error)}") from None


def _in_cluster(configuration: Configuration) -> Api:
    try:
        load_incluster_config(client_configuration=configuration)
        namespace = _SERVICE_ACCOUNT_NAMESPACE.read_text("utf-8").strip()
    except (ConfigException, OSError) as error:
        raise UserError(f"the pod's service account cannot be used: {_one_line(error)}") from None
    return Api(configuration, cluster="in-cluster", namespace=namespace or "default")


def _loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def plain(url: str, cluster: str) -> Api:
    """An API server that asks for no credentials, such as the simulated one."""
    return Api(Configuration(host=url), cluster=cluster, namespace="default")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
