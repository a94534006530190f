"""The parent's side of a conversion: start the child, hear what it says, stop it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from edge.convert.worker import Progress, Result, Task
from edge.errors import EdgeError

LINE_BYTES_MAX = 8 * 1024 * 1024
SILENCE_S_MAX = 600.0
"""A child that says nothing for so long hangs; progress comes several times a second."""
STOP_S_MAX = 5.0


class ConversionError(EdgeError):
    """The slide library refused; code, advice and whether a later attempt may help are its own."""

    def __init__(self, error: dict[str, Any]) -> None:
        """Rebuild what the child said."""
        super().__init__(str(error.get("message", "")), next_step=str(error.get("next_step", "")))
        self.code = str(error.get("code", "slide.error"))  # type: ignore[misc]
        self.is_temporary = bool(error.get("is_temporary", False))  # type: ignore[misc]


class ChildDiedError(EdgeError):
    """The child ended without a word: killed, out of memory, or a fault in a codec."""

    code = "slide.child_died"
    next_step = "Try again; if it happens again, the scan is damaged in a way that no reader survives."


class Child:
    """One conversion under way."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, task: Task) -> AsyncIterator[Progress | Result]:
        """Yield progress, and at the end the result.  Raises: ConversionError, ChildDiedError."""
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge.convert.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX,
            start_new_session=True, env=_environment(),
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.close()
            while line := await asyncio.wait_for(process.stdout.readline(), SILENCE_S_MAX):
                said = _read(line)
                if said is not None:
                    yield said
            status = await process.wait()
            raise ChildDiedError(f"The conversion ended unexpectedly (status {status}).")
        except TimeoutError as error:
            raise ChildDiedError(f"The conversion said nothing for {SILENCE_S_MAX:.0f} seconds.") from error
        except ConnectionError as error:
            raise ChildDiedError("The conversion could not be started.") from error
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the child: asked first, then killed."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S_MAX)
            except TimeoutError:
                process.kill()
                await process.wait()


def _read(line: bytes) -> Progress | Result | None:
    """Understand one line; what a library printed in between is passed over."""
    try:
        message = msgspec.json.decode(line, type=dict[str, dict[str, Any]])
    except msgspec.DecodeError:
        return None
    if "error" in message:
        raise ConversionError(message["error"])
    if "done" in message:
        return msgspec.convert(message["done"], Result)
    if "progress" in message:
        return msgspec.convert(message["progress"], Progress)
    return None


def _environment() -> dict[str, str]:
    """One thread a codec call: the pool of the conversion is what uses the cores."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
