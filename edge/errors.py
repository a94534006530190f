"""What can go wrong, said so that the reader knows what, which and what to do next.

The type alone decides the HTTP answer, the exit status and whether trying again can help.
"""

from typing import ClassVar

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_USAGE = 2
EXIT_CONFIG = 3
EXIT_BAD_INPUT = 4
EXIT_TRY_AGAIN = 5
EXIT_REFUSED = 6


class EdgeError(Exception):
    """The root of every error this product raises on purpose."""

    code: ClassVar[str] = "edge.fault"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = EXIT_FAULT
    is_temporary: ClassVar[bool] = False
    next_step: ClassVar[str] = "Look at the log of the service that failed; this is a fault of ours."

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        """Keep what happened (`message`, a sentence that names the thing) and, if better known, what to do next."""
        super().__init__(message)
        self.message = message
        self.advice = next_step if next_step is not None else self.next_step

    def __str__(self) -> str:
        return f"{self.message} {self.advice}  [{self.code}]"


class ConfigError(EdgeError):
    """The configuration file is missing, unreadable or wrong."""

    code = "config.wrong"
    exit_code = EXIT_CONFIG
    next_step = "Correct the configuration file and start again."


class BadInputError(EdgeError):
    """What was given cannot be read or used: a file, a request body, a parameter."""

    code = "input.bad"
    http_status = 400
    exit_code = EXIT_BAD_INPUT
    next_step = "Correct what was given."


class NotFoundError(EdgeError):
    """Nothing here has that name."""

    code = "thing.unknown"
    http_status = 404
    exit_code = EXIT_BAD_INPUT
    next_step = "Check the name or the identifier."


class ConflictError(EdgeError):
    """The state of the thing does not allow this now."""

    code = "state.conflict"
    http_status = 409
    exit_code = EXIT_REFUSED
    next_step = "Look at its state first."


class NotSignedInError(EdgeError):
    """Nobody is signed in, or the token is unknown or has ended."""

    code = "access.unknown"
    http_status = 401
    exit_code = EXIT_REFUSED
    next_step = "Sign in, or ask for a new link."


class RefusedError(EdgeError):
    """Known, but not allowed to do this."""

    code = "access.refused"
    http_status = 403
    exit_code = EXIT_REFUSED
    next_step = "Ask somebody whose role allows it."


class BusyError(EdgeError):
    """A limit is reached; later it may work."""

    code = "limit.reached"
    http_status = 503
    exit_code = EXIT_TRY_AGAIN
    is_temporary = True
    next_step = "Try again in a moment."


class UnreachableError(EdgeError):
    """A part or a peer does not answer."""

    code = "peer.unreachable"
    http_status = 503
    exit_code = EXIT_TRY_AGAIN
    is_temporary = True
    next_step = "Check that it runs and that the network is up."


class AwayError(EdgeError):
    """What is asked for has left this disk, safe elsewhere, and is on its way back."""

    code = "object.away"
    http_status = 503
    exit_code = EXIT_TRY_AGAIN
    is_temporary = True
    next_step = "It opens by itself as soon as it is here; a program asks again in a few seconds."


class StorageFullError(EdgeError):
    """The disk has no room; nothing was kept, nothing was lost."""

    code = "store.full"
    http_status = 507
    exit_code = EXIT_TRY_AGAIN
    is_temporary = True
    next_step = "Free space on the data disk, or wait until objects have been forwarded."
