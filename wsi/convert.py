"""A scan in, a DICOM series out: `open_slide` and `convert` are the door of this package."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from wsi.defects import mend, refuse_ruin, sentence
from wsi.errors import (
    ConversionStoppedError,
    OutputError,
    SlideError,
    UnsupportedSlideError,
    VerificationError,
)
from wsi.lossless import Lossless, keep_all
from wsi.metadata import SlideMetadata
from wsi.opening import Reader, open_slide
from wsi.plan import Plan, PlannedInstance, split
from wsi.pyramid import AnyImage, MissingImage
from wsi.report import FileReport, VerificationReport
from wsi.series import Levels, images_of, lossy_ratios, plan_conversion, subject_of
from wsi.source import FrameTable, Image, MadeImage, Source, StoredImage
from wsi.spool import Maker, Spool
from wsi.verify import verify_file
from wsi.writer import Layout, Progress, lay_out, output_error, sync_folder, write_file

__all__ = ["Conversion", "Reader", "WrittenFile", "convert", "open_slide"]
WORKERS_MAX = 64
_ROOM_MARGIN_BYTES = 16 << 20
_HEADER_BYTES = 64 << 10
"""Of a part's limit, kept for its header and profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """One object as it lies on the disk."""

    path: Path
    sop_instance_uid: str
    sha256: str
    """Of the file as the proof read it back; empty without a proof."""
    frames: int
    bytes: int
    kind: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a conversion wrote, and the proof."""

    study_instance_uid: str
    series_instance_uid: str
    """Of the first region of the glass."""
    series_instance_uids: tuple[str, ...]
    files: tuple[WrittenFile, ...]
    verification: VerificationReport | None
    notes: tuple[str, ...]
    """Sentences for a person: what the scan lacks and what was done about it."""
    defects: dict[str, tuple[int, ...]]
    """Per image, by SOP instance UID (of the whole, where it is written in parts), the frames that are damaged in the
    scan and white in it."""


def convert(
    path: Path,
    out_dir: Path,
    *,
    metadata: SlideMetadata | None = None,
    levels: Levels = "native",
    lossless: Lossless = "",
    through: Reader = "",
    max_part_bytes: int = 0,
    sparse: bool = False,
    workers: int = 2,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    verify: bool = True,
    resume: bool = False,
) -> Conversion:
    """Convert one scan into one DICOM series in `out_dir`.

    The files appear there together, synced and (unless told otherwise) proven, or not at all. `progress` and
    `should_stop` are called from this thread after every few megabytes. With `resume`, whole files that an earlier,
    killed attempt left are kept. `lossless` names the form of what cannot be copied, which else becomes JPEG. An image
    larger than `max_part_bytes` (0: no limit) becomes a concatenation. With `sparse`, tiles the scan left out are not
    written, and every other frame has its place.
    Raises: SlideError
    """
    if sparse and max_part_bytes:
        raise UnsupportedSlideError("A sparse image is not cut into parts.", next_step="Choose one of the two.")
    with open_slide(path, through=through) as source:
        mend(source)
        keep_all(source, lossless)
        known = (metadata or SlideMetadata()).over(source.metadata)
        job = _Job(
            source=source,
            images=images_of(source, levels),
            plan=plan_conversion(source, known, levels=levels, is_sparse=sparse),
            metadata=known,
            out_dir=out_dir,
            max_part_bytes=max_part_bytes,
            workers=max(1, min(workers, WORKERS_MAX)),
            progress=progress,
            should_stop=should_stop,
            is_verified=verify,
        )
        try:
            return job.run(resume=resume)
        except SlideError as error:
            if path.name in error.what:
                raise
            raise type(error)(f"{path.name}: {error.what}", next_step=error.advice) from error


class _Job:
    """One conversion in its staging folder beside the results."""

    def __init__(
        self,
        *,
        source: Source,
        images: tuple[AnyImage, ...],
        plan: Plan,
        metadata: SlideMetadata,
        out_dir: Path,
        max_part_bytes: int,
        workers: int,
        progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
        is_verified: bool,
    ) -> None:
        self._source, self._images, self._plan = source, images, plan
        self._out_dir, self._workers = out_dir, workers
        self._max_part_bytes = max_part_bytes
        self._defects = {
            instance.sop_instance_uid: image.defects
            for instance, image in zip(plan.instances, images, strict=True)
            if image.defects
        }
        self._spools: dict[int, Spool] = {}
        """Of the images whose frames must be made."""
        self._lossy_ratios: dict[int, tuple[float, ...]] = {}
        """Of the images written so far: a level made from one has its steps, and one more."""
        self._locked = -1
        self._on_progress, self._should_stop, self._is_verified = progress, should_stop, is_verified
        self._subject = subject_of(source, metadata, plan)
        self._staging = out_dir / f".converting-{plan.series_instance_uid[-24:]}"
        self._state = Progress(
            stage="write",
            frames_done=0,
            frames_total=_steps(images, plan, is_verified=is_verified),
            bytes_done=0,
            bytes_total=0,
        )

    def run(self, *, resume: bool) -> Conversion:
        """Write all into the staging folder, prove it, and move it out."""
        try:
            self._prepare(keep=resume)
            try:
                files, reports = self._write_all(resume=resume)
                self._publish(files)
            finally:
                shutil.rmtree(self._staging, ignore_errors=True)
        finally:
            if self._locked >= 0:
                os.close(self._locked)
        return Conversion(
            study_instance_uid=self._plan.study_instance_uid,
            series_instance_uid=self._plan.series_instance_uid,
            series_instance_uids=tuple(dict.fromkeys(one.series_instance_uid for one in self._plan.instances)),
            files=tuple(replace(file, path=self._out_dir / file.path.name) for file in files),
            verification=VerificationReport(files=tuple(reports)) if self._is_verified else None,
            notes=self._subject.description.notes,
            defects=self._defects,
        )

    def _lock(self) -> None:
        """Keep other conversions of the same slide out of the staging folder until this process ends or is done."""
        self._locked = os.open(self._staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{self._source.path.name} is being converted into {self._out_dir} already.",
                next_step="Wait for that conversion, or stop it.",
            ) from error

    def _prepare(self, *, keep: bool) -> None:
        try:
            self._staging.mkdir(parents=True, exist_ok=True)
            self._lock()
            if not keep:
                for left in self._staging.iterdir():
                    left.unlink()
            needed = _room_needed(self._images)
            free = shutil.disk_usage(self._staging).free
        except OSError as error:
            raise output_error(self._out_dir, error) from error
        if free < needed:
            shutil.rmtree(self._staging, ignore_errors=True)
            raise OutputError(f"{self._out_dir} has {free >> 20} MiB free, and {needed >> 20} MiB are needed.")
        self._state = replace(self._state, bytes_total=needed - _ROOM_MARGIN_BYTES)

    def _write_all(self, *, resume: bool) -> tuple[list[WrittenFile], list[FileReport]]:
        """Write what can be copied first, while threads make the rest; return all in the plan's order."""
        done: dict[int, list[tuple[WrittenFile, FileReport | None]]] = {}
        waiting = sorted(range(len(self._images)), key=lambda index: not isinstance(self._images[index], StoredImage))
        maker = Maker(self._staging, self._workers)
        try:
            for image in self._images:
                if not isinstance(image, StoredImage):
                    self._spools[id(image)] = maker.begin(partial(self._bound, image), image.level.frame_count)
            while waiting:
                index = waiting.pop(0)
                done[index] = self._write_image(self._images[index], self._plan.instances[index], resume=resume)
                self._remove_spools([self._images[left] for left in waiting])
        finally:
            maker.close()
        every = [part for index in sorted(done) for part in done[index]]
        return [file for file, _ in every], [report for _, report in every if report is not None]

    def _write_image(
        self, planned: AnyImage, instance: PlannedInstance, *, resume: bool
    ) -> list[tuple[WrittenFile, FileReport | None]]:
        """Write and prove an image, in one file or in parts."""
        image, table = self._frames(planned)
        if isinstance(image, MadeImage) and image.damaged:
            self._tell_damage(instance, image)
        earlier = planned.encoding.lossy_ratios
        if isinstance(planned, MissingImage):
            earlier = self._lossy_ratios[id(planned.parent)]
        ratios = self._lossy_ratios[id(planned)] = lossy_ratios(planned, table, earlier)
        done: list[tuple[WrittenFile, FileReport | None]] = []
        for part in self._parts(instance, table):
            cut = table if part.part is None else table.cut(part.part.first, part.part.end)
            cut = cut if part.kept is None else cut.take(part.kept)
            file, layout = self._write(part, cut, ratios, resume=resume)
            report = self._verify(file, image, cut, layout, part) if self._is_verified else None
            done.append((file if report is None else replace(file, sha256=report.sha256), report))
        return done

    def _remove_spools(self, images_left: Sequence[AnyImage]) -> None:
        """Give back the room of frames that are written, and that no level still to come is made from."""
        needed = {id(image) for image in images_left}
        needed |= {id(image.parent) for image in images_left if isinstance(image, MissingImage)}
        for spool in (self._spools.pop(key) for key in self._spools.keys() - needed):
            spool.remove()

    def _tell_damage(self, instance: PlannedInstance, image: MadeImage) -> None:
        frames = tuple(sorted(image.damaged))
        refuse_ruin(self._source, image, len(frames))
        self._defects[instance.sop_instance_uid] = frames
        said = self._subject.description
        noted = replace(said, notes=(*said.notes, sentence(image, frames)))
        self._subject = replace(self._subject, description=noted)

    def _parts(self, instance: PlannedInstance, table: FrameTable) -> list[PlannedInstance]:
        if not self._max_part_bytes:
            return [instance]
        framing_bytes = 0 if instance.encoding.is_native else 8 + 4 + 1
        room = max(self._max_part_bytes - _HEADER_BYTES, 1)
        return split(instance, (table.frame_lengths() + framing_bytes).tolist(), max_bytes=room)

    def _bound(self, image: MadeImage | MissingImage) -> MadeImage:
        if isinstance(image, MadeImage):
            return image
        parent = image.parent
        # From the scan itself where it has the larger level: that one need not be written first.
        return image.bind(parent.table if isinstance(parent, StoredImage) else self._spools[id(parent)].wait())

    def _frames(self, image: AnyImage) -> tuple[Image, FrameTable]:
        if isinstance(image, StoredImage):
            return image, image.table
        self._state = replace(self._state, stage="encode")
        spool = self._spools[id(image)]
        return spool.image, spool.wait(lambda frames, _: self._step(frames, 0))

    def _write(
        self, instance: PlannedInstance, table: FrameTable, lossy_ratios: tuple[float, ...], *, resume: bool
    ) -> tuple[WrittenFile, Layout]:
        from wsi.dataset import header_bytes

        header = header_bytes(self._subject, instance, lossy_ratios=lossy_ratios)
        encoding = instance.encoding
        layout = lay_out(header, table, is_native=encoding.is_native, is_word=encoding.bits > 8)
        path = self._staging / instance.file_name
        self._state = replace(self._state, stage="write")
        if resume and path.exists() and path.stat().st_size == layout.file_bytes:
            self._step(instance.frame_count, layout.file_bytes)
        else:
            write_file(path, table, layout, on_frames=self._step)
        file = WrittenFile(
            path=path,
            sop_instance_uid=instance.sop_instance_uid,
            sha256="",
            frames=instance.frame_count,
            bytes=layout.file_bytes,
            kind=instance.kind,
            width_px=instance.level.width_px,
            height_px=instance.level.height_px,
        )
        return file, layout

    def _verify(
        self, file: WrittenFile, image: Image, table: FrameTable, layout: Layout, instance: PlannedInstance
    ) -> FileReport:
        self._state = replace(self._state, stage="verify")
        report = verify_file(
            file.path,
            image,
            table=table,
            first=0 if instance.part is None else instance.part.first,
            end=instance.frame_count if instance.part is None else instance.part.end,
            layout=layout,
            workers=self._workers,
            on_frames=lambda frames, _: self._step(frames, 0),
        )
        if report.problems:
            raise VerificationError(f"{file.path.name} differs from the scan: {report.problems[0]}")
        return report

    def _step(self, frames: int, bytes_done: int) -> None:
        if self._should_stop is not None and self._should_stop():
            raise ConversionStoppedError(f"The conversion of {self._source.path.name} was stopped.")
        state = self._state
        self._state = replace(
            state,
            frames_done=state.frames_done + frames,
            bytes_done=state.bytes_done + bytes_done,
            bytes_total=max(state.bytes_total, state.bytes_done + bytes_done),
        )
        if self._on_progress is not None:
            self._on_progress(self._state)

    def _publish(self, files: list[WrittenFile]) -> None:
        try:
            for file in files:
                os.replace(file.path, self._out_dir / file.path.name)
            sync_folder(self._out_dir)
        except OSError as error:
            raise output_error(self._out_dir, error) from error


def _steps(images: tuple[AnyImage, ...], plan: Plan, *, is_verified: bool) -> int:
    """Return how often a frame is handled: made, if it must be, then written, then proven."""
    return sum(
        instance.frame_count * (1 + (not isinstance(image, StoredImage)) + is_verified)
        for image, instance in zip(images, plan.instances, strict=True)
    )


def _room_needed(images: tuple[AnyImage, ...]) -> int:
    """Return the bytes the objects will take: exact for copied frames, a generous guess for made ones."""
    needed = _ROOM_MARGIN_BYTES
    for image in images:
        if not isinstance(image, StoredImage):
            level = image.level
            raw_bytes = level.frame_count * level.tile_width_px * level.tile_height_px * image.encoding.sample_count
            needed += raw_bytes if image.encoding.is_native else raw_bytes // 6
        else:
            needed += image.table.frames_bytes() + 12 * image.level.frame_count
    return needed
