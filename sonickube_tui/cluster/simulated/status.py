"""What goes wrong, in the API server's words: `kind: Status`.

Codes, reasons and messages are those of kube-apiserver (apimachinery's `pkg/api/errors`).
"""

from __future__ import annotations

import msgspec


class ApiError(Exception):
    """A request that fails: an HTTP `code`, a machine's `reason`, a message for people."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason

    def body(self) -> bytes:
        """The Status object as JSON."""
        return msgspec.json.encode(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": str(self),
                "reason": self.reason,
                "code": self.code,
            }
        )


def bad_request(message: str) -> ApiError:
    """400: the request itself makes no sense."""
    return ApiError(400, "BadRequest", message)


def invalid_options(message: str) -> ApiError:
    """422: list options that do not go together."""
    return ApiError(422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {message}')


def too_old(asked: int, oldest: int) -> ApiError:
    """410: what happened after version `asked` is forgotten."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def too_new(asked: int, current: int) -> ApiError:
    """504: a version that is yet to come."""
    return ApiError(504, "Timeout", f"Too large resource version: {asked}, current: {current}")


def page_expired() -> ApiError:
    """410: the list that a continue token belongs to is forgotten."""
    return ApiError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. "
        "You must start a new list without the continue parameter.",
    )
