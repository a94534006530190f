"""record: every frame of an open session, kept when somebody says so."""

import asyncio
import contextlib
from typing import Any

import msgspec

from edge.config import Config
from edge.core.session import Session
from edge.dicom.codec import SYNTAX_BY_NAME
from edge.errors import BadInputError, EdgeError
from edge.record import annotation_answers
from edge.record.annotations import Annotations
from edge.record.finaliser import Finaliser
from edge.record.recorder import Recorder, Settings
from edge.runtime import rpc
from edge.runtime.service import run_parts
from edge.store.database import Database
from edge.store.instances import Instances

CHECK_INTERVAL_S = 1.0
SOURCE_TIMEOUT_S = 1.0


async def serve(config: Config) -> None:
    """Run until SIGTERM."""
    loop = asyncio.get_running_loop()
    config.run_dir.mkdir(parents=True, exist_ok=True)
    reserve_bytes = config.node.disk_reserve_mb * 2**20
    database = await asyncio.to_thread(Database, config.database_path)
    store = Instances(
        database, config.data_dir, destinations=config.routing,
        bells=config.run_dir / "bells" / "uplink", reserve_bytes=reserve_bytes,
        budget_bytes=config.limits.budget_bytes,
    )  # fmt: skip

    def tell(name: str, values: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has ended before the thread.
            loop.call_soon_threadsafe(lambda: server.tell(name, **values))

    rows: dict[str, dict[str, Any]] = {}

    def source_row(name: str) -> dict[str, Any]:
        """Ask capture; while it is away, what it said last, else what is configured."""
        try:
            found = rpc.call_blocking(config.socket_path("capture"), "sources", timeout_s=SOURCE_TIMEOUT_S)
            rows.update({row["name"]: row for row in found})
        except EdgeError:
            source = config.find_source(name)
            if name not in rows and source is not None:
                return {"name": name, "manufacturer": source.manufacturer, "model": source.model, "fps": source.fps}
        return rows.get(name, {"name": name})

    finaliser = Finaliser(
        store, syntax_uid=SYNTAX_BY_NAME[config.record.transfer_syntax], institution=config.node.institution,
        station=config.node.name, tell=tell,
    )  # fmt: skip
    settings = Settings(
        spool=config.data_dir / "spool", run_dir=config.run_dir, clip_s_max=config.record.clip_s_max,
        keep_last_s_max=config.record.keep_last_s_max, keep_last_bytes_max=config.record.keep_last_mb_max * 2**20,
        reserve_bytes=reserve_bytes,
    )  # fmt: skip
    recorder = Recorder(settings, store, finaliser, source_row=source_row, tell=tell)
    annotations = Annotations(
        settings.spool, recorder, store, station=config.node.name, institution=config.node.institution, tell=tell
    )
    server = rpc.Server(
        config.socket_path("record"), _answers(recorder, annotations) | annotation_answers.answers(annotations)
    )

    async def watch(stop: asyncio.Event) -> None:
        finaliser.start()
        annotations.start()
        try:
            while not stop.is_set():
                recorder.check()
                annotations.check()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), CHECK_INTERVAL_S)
        finally:
            await server.stop()
            await asyncio.to_thread(recorder.stop)
            await asyncio.to_thread(annotations.stop)
            database.close()

    await asyncio.to_thread(recorder.recover)
    await run_parts([watch], on_ready=server.start)


def _answers(recorder: Recorder, annotations: Annotations) -> dict[str, rpc.Answer]:
    async def begin(session: dict[str, Any]) -> dict[str, Any]:
        try:
            given = msgspec.convert(session, Session)
        except msgspec.ValidationError as error:
            raise BadInputError(f"The session is not complete: {error}.") from error
        await asyncio.to_thread(recorder.begin, given)
        annotations.prepare()
        return {}

    async def end(session_id: str) -> dict[str, Any]:
        await asyncio.to_thread(recorder.end, session_id)
        annotations.drop(session_id)
        return {}

    async def start(session_id: str) -> dict[str, Any]:
        return await asyncio.to_thread(recorder.start_clip, session_id)

    async def stop(session_id: str) -> dict[str, Any]:
        return await asyncio.to_thread(recorder.stop_clip, session_id)

    async def save_last(session_id: str, seconds: float) -> dict[str, Any]:
        return await asyncio.to_thread(recorder.save_last, session_id, float(seconds))

    async def still(session_id: str, frame_index: int | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(recorder.still, session_id, frame_index)

    async def state() -> list[dict[str, Any]]:
        return recorder.state()

    return {
        "session.begin": begin, "session.end": end, "clip.start": start, "clip.stop": stop,
        "clip.save_last": save_last, "still": still, "state": state,
    }  # fmt: skip
