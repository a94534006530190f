"""Objects into a bucket that speaks S3: in parts, each with its checksum, straight from disk.

The library sends a part again when its connection breaks; what has begun does not outlive this process. Objects are
named <prefix>/<study>/<series>/<instance>.dcm.
"""

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edge.core.delivery import Outcome
from edge.errors import ConfigError, EdgeError, UnreachableError
from edge.net.fetching import NotThereError
from edge.net.parcel import Answer, Parcel
from edge.net.web import NotLetInError
from edge.runtime.gate import OPEN, Gate

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Store

PART_BYTES = 8 * 1024 * 1024
"""S3 takes no part below 5 MB but the last, and 10,000 parts; larger objects have larger parts."""
PART_COUNT_MAX = 10_000
PARTS_AT_ONCE = 2
PIECE_BYTES = 256 * 1024
CONNECT_S = 10
SILENCE_S = 60
"""Without a byte of an answer."""
PART_S_MAX = 3600
"""For one part: 8 MB at 20 kbit/s."""
RETRY_COUNT_MAX = 10
RETRY_S_MAX = 180
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where objects go, and how we show who we are."""

    name: str
    """Of the destination, for messages."""
    url: str
    bucket: str
    prefix: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = ""
    tls_ca: str = ""

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Bucket({self.name!r}, {self.url!r}, {self.bucket!r})"

    def key_of(self, parcel: Parcel) -> str:
        """Return the name of an object."""
        parts = (self.prefix, parcel.study_instance_uid, parcel.series_instance_uid, f"{parcel.sop_instance_uid}.dcm")
        return "/".join(part for part in parts if part)


class S3:
    """A way for objects, of the kind `edge.uplink.carrier.Way`; a context manager. Used by one thread, but `abort`."""

    def __init__(self, bucket: Bucket, gate: Gate = OPEN) -> None:
        """Nothing is opened yet.  Raises: ConfigError without the library, or for what it does not understand."""
        self.bucket = bucket
        self.is_open = True
        self.is_batched = False
        self._gate = gate
        self._store = _store_of(bucket)
        self._runner = asyncio.Runner()
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> "S3":
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        """Connections stay with the library."""

    def check(self) -> None:
        """Ask for the first name in the bucket.  Raises: UnreachableError, NotLetInError."""
        from obstore import exceptions

        async def work() -> None:
            with contextlib.suppress(exceptions.NotFoundError, FileNotFoundError):
                await self._store.head_async(f"{self.bucket.prefix}/.edge".lstrip("/"))  # Wrong keys show here.
            async for _ in self._store.list(prefix=self.bucket.prefix or None, chunk_size=1):
                return

        self._ask(work)

    def abort(self) -> None:
        """Break off what is asked or sent; from any thread."""
        task = self._task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)

    def fits(self, parcel: Parcel) -> bool:
        return True

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send one after the other, each when it is asked for."""
        return map(self._send, parcels)

    def fetch(self, parcel: Parcel, target: Path) -> None:
        """Write the object as the bucket gives it back.  Raises: NotThereError, UnreachableError, NotLetInError."""

        async def work() -> None:
            answer = await self._store.get_async(self.bucket.key_of(parcel))
            with target.open("wb") as file:
                async for piece in answer.stream(min_chunk_size=PIECE_BYTES):
                    await asyncio.to_thread(file.write, piece)

        self._ask(work)

    def _send(self, parcel: Parcel) -> Answer:
        size = parcel.path.stat().st_size
        part_bytes = max(PART_BYTES, -(-size // PART_COUNT_MAX))

        async def work() -> None:
            await self._store.put_async(
                self.bucket.key_of(parcel), self._pieces(parcel.path), use_multipart=True, chunk_size=part_bytes,
                max_concurrency=PARTS_AT_ONCE, attributes={"Content-Type": "application/dicom"},
            )  # fmt: skip

        try:
            self._ask(work)
        except (EdgeError, OSError) as error:
            self.is_open = False
            words = error.message.rstrip(".") if isinstance(error, EdgeError) else str(error)
            return Answer(outcome=Outcome.FAILED, reason=words, is_link_fault=True)
        return Answer(outcome=Outcome.ACCEPTED)

    async def _pieces(self, path: Path) -> AsyncIterator[bytes]:
        """Give the file as fast as the gate lets it pass."""
        with path.open("rb", buffering=0) as file:
            while piece := await asyncio.to_thread(file.read, self._gate.piece_bytes or PIECE_BYTES):
                await self._pass(len(piece))
                yield piece

    async def _pass(self, size_bytes: int) -> None:
        """Wait until the gate, which other threads move, lets so much through."""
        wait_s = self._gate.ask(size_bytes)
        while wait_s > 0:
            await asyncio.sleep(wait_s)
            wait_s = self._gate.ask(size_bytes)

    def _ask(self, work: Callable[[], Coroutine[Any, Any, Answered]]) -> Answered:
        """Do this, and say in our words what went wrong."""
        from obstore import exceptions

        async def watched() -> Answered:
            self._task = asyncio.current_task()
            return await work()

        where = f"{self.bucket.name} ({self.bucket.url}, bucket {self.bucket.bucket})"
        try:
            return self._runner.run(watched())
        except asyncio.CancelledError as error:
            raise UnreachableError(f"{self.bucket.name}: the request was broken off.") from error
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise NotLetInError(f"{where} does not let us in.") from error
        except (exceptions.NotFoundError, FileNotFoundError) as error:
            raise NotThereError(f"{where} does not have it.", next_step="Check destination.path.") from error
        except exceptions.BaseError as error:
            raise UnreachableError(f"{where} does not answer: {_first_line(error)}.") from error
        finally:
            self._task = None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _store_of(bucket: Bucket) -> "S3Store":
    if importlib.util.find_spec("obstore") is None:
        raise ConfigError(
            f"{bucket.name}: destinations of kind s3 need the package obstore.",
            next_step="Install edge-appliance[s3].",
        )
    from obstore import exceptions
    from obstore.store import S3Store

    try:
        options: ClientConfig = {
            "allow_http": bucket.url.startswith("http://"), "connect_timeout": timedelta(seconds=CONNECT_S),
            "read_timeout": timedelta(seconds=SILENCE_S), "timeout": timedelta(seconds=PART_S_MAX),
        }  # fmt: skip
        if bucket.tls_ca:
            options["root_certificate"] = Path(bucket.tls_ca).read_bytes()
        return S3Store(
            bucket.bucket, endpoint=bucket.url, region=bucket.region, access_key_id=bucket.access_key_id,
            secret_access_key=bucket.secret_access_key, checksum_algorithm="SHA256",
            client_options=options,
            retry_config={"max_retries": RETRY_COUNT_MAX, "retry_timeout": timedelta(seconds=RETRY_S_MAX)},
        )  # fmt: skip
    except (exceptions.BaseError, OSError, ValueError) as error:
        raise ConfigError(f"{bucket.name}: the bucket cannot be used as configured: {_first_line(error)}.") from error
