"""A kubeconfig user's credential plug-in: a program that prints a token or a client certificate.

The Kubernetes client's own runs anew for every request when its credential names no end, shares our keys, and
keeps its failure to a log.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec


class PluginFailed(Exception):
    """The plug-in gave no credential; the text is one line with its own words."""


class _Variable(msgspec.Struct):
    name: str
    value: str


class _Program(msgspec.Struct, rename="camel"):
    api_version: str
    command: str
    args: list[str] | None = None
    env: list[_Variable] | None = None


class _Credential(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str
    status: _Credential


_NEVER = datetime.min.replace(tzinfo=UTC)
_FOREVER = datetime.max.replace(tzinfo=UTC)


class Plugin:
    """Puts the credential that the program of `exec` gives into `user`, the kubeconfig's entry it belongs to.

    The credential is good until the time that comes with it; without one, until the server refuses it or we
    end: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
    Raises ValueError when `exec` names no program.
    """

    def __init__(self, exec: object, user: dict[str, Any]) -> None:
        try:
            self._program = msgspec.convert(exec, _Program)
        except msgspec.ValidationError as error:
            raise ValueError(f"exec: {error}") from None
        self._user = user
        self._good_until = _NEVER
        self._asking = asyncio.Lock()

    async def renew(self) -> None:
        """Run the plug-in, unless its last credential is still good. Raises PluginFailed."""
        async with self._asking:
            if datetime.now(UTC) < self._good_until:
                return
            credential = await self._ask()
            if credential.token:
                self._user["token"] = credential.token
            if credential.client_certificate_data and credential.client_key_data:
                self._user["client-certificate-data"] = _base64(credential.client_certificate_data)
                self._user["client-key-data"] = _base64(credential.client_key_data)
            self._good_until = credential.expiration_timestamp or _FOREVER

    def refused(self, authorization: str) -> None:
        """The server does not accept this header: the next `renew` runs the plug-in, if none has since."""
        if authorization == f"Bearer {self._user.get('token')}":
            self._good_until = _NEVER

    async def _ask(self) -> _Credential:
        program = self._program
        asked = {"apiVersion": program.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environment = {variable.name: variable.value for variable in program.env or ()}
        try:
            process = await asyncio.create_subprocess_exec(
                program.command,
                *(program.args or ()),
                env={
                    **os.environ,
                    **environment,
                    "KUBERNETES_EXEC_INFO": msgspec.json.encode(asked).decode(),
                },
                # The keys are the console's: no input, and a session without a /dev/tty.
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise PluginFailed(f"{program.command}: {error.strerror}") from None
        try:
            answer, words = await process.communicate()
        except asyncio.CancelledError:
            # Nobody waits any more for a login in some browser.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
        if process.returncode:
            said = " ".join(words.decode("utf-8", "replace").split())
            raise PluginFailed(f"{program.command}: {said or f'it ended with {process.returncode}'}")
        return self._read(answer)

    def _read(self, text: bytes) -> _Credential:
        command, version = self._program.command, self._program.api_version
        try:
            answer = msgspec.json.decode(text, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PluginFailed(f"{command} prints no credential: {error}") from None
        if answer.api_version != version:
            raise PluginFailed(f"{command} speaks {answer.api_version}, the kubeconfig asks for {version}")
        credential = answer.status
        if not (credential.token or (credential.client_certificate_data and credential.client_key_data)):
            raise PluginFailed(f"{command} prints neither a token nor a certificate with its key")
        return credential


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
