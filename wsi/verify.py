"""The proof of a conversion: every frame read back from the object and held against the scan.

Copied frames must be the scan's bytes with the shared tables in front; made frames must decode to the scan's pixels,
equal where stored without loss, else within a stated distance. Offsets, lengths and padding are checked with a reader
of its own, which shares no code with the writer.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np

from wsi import codec, paged
from wsi import encoding as forms
from wsi.errors import TruncatedSlideError
from wsi.frames import FrameIndex, index_frames
from wsi.report import FileReport, FrameDigests
from wsi.source import FrameTable, Image, MadeImage, Pixels
from wsi.writer import Layout

_BATCH_BYTES = 1 << 20
"""Two buffers of this size stay in a core's cache."""
_BATCH_FRAMES_MAX = 4096
_HASH_BYTES = 512 << 10
_BATCHES_AHEAD_MAX = 4
_PROBLEMS_MAX = 100
_PSNR_EQUAL_DB = 999.0


@dataclass(slots=True)
class _Findings:
    problems: list[str] = field(default_factory=list)
    psnr_db: float | None = None

    def add(self, problem: str) -> None:
        if len(self.problems) < _PROBLEMS_MAX:
            self.problems.append(problem)

    def closeness(self, psnr_db: float) -> None:
        self.psnr_db = psnr_db if self.psnr_db is None else min(self.psnr_db, psnr_db)


def verify_file(
    path: Path,
    image: Image,
    *,
    table: FrameTable | None,
    layout: Layout | None = None,
    first: int = 0,
    end: int = -1,
    workers: int = 2,
    on_frames: Callable[[int, int], None] | None = None,
) -> FileReport:
    """Hold one object against its image.

    `first` to `end` (-1: the last) are its frames in the image, which a part of a concatenation holds only some of.
    `table` says where the object's frames came from, `layout` what was meant to stand before and after them.

    Raises: SlideError when the object cannot be read at all.
    """
    index = index_frames(path)
    findings = _Findings()
    _check_header(index, image, findings, first, (image.level.frame_count if end < 0 else end) - first)
    if layout is not None:
        _check_around(path, layout, findings)
    digest: str = ""
    frame_digests = FrameDigests()
    if not findings.problems:
        digest, frame_digests = _check_frames(index, image, table, findings, first, workers, on_frames)
    return FileReport(
        path=path,
        sop_instance_uid=str(index.dataset.SOPInstanceUID),
        kind=image.kind.value,
        frames=len(index.offsets),
        sha256=digest,
        frame_sha256=frame_digests,
        origin=image.encoding.origin.value,
        psnr_db=findings.psnr_db,
        problems=tuple(findings.problems),
    )


def _check_header(index: FrameIndex, image: Image, findings: _Findings, first: int, count: int) -> None:
    ds, level, encoding = index.dataset, image.level, image.encoding
    expected = {
        "NumberOfFrames": count,
        "Rows": level.tile_height_px,
        "Columns": level.tile_width_px,
        "TotalPixelMatrixColumns": level.width_px,
        "TotalPixelMatrixRows": level.height_px,
        "SamplesPerPixel": encoding.sample_count,
        "PhotometricInterpretation": encoding.photometric_interpretation,
    }
    for keyword, value in expected.items():
        if ds.get(keyword) != value:
            findings.add(f"{keyword} is {ds.get(keyword)}, not {value}")
    if int(ds.get("ConcatenationFrameOffsetNumber", 0)) != first:
        findings.add(f"the part begins at frame {ds.get('ConcatenationFrameOffsetNumber', 0) + 1}, not {first + 1}")
    if ds.file_meta.TransferSyntaxUID != encoding.transfer_syntax_uid:
        findings.add(f"the transfer syntax is {ds.file_meta.TransferSyntaxUID}, not {encoding.transfer_syntax_uid}")


def _check_around(path: Path, layout: Layout, findings: _Findings) -> None:
    """See that the header with its offset tables and the end of the file are on the disk as they were made."""
    with path.open("rb") as file:
        if (found_bytes := os.fstat(file.fileno()).st_size) != layout.file_bytes:
            findings.add(f"the file has {found_bytes} bytes, not the {layout.file_bytes} that were written")
        if any(file.read(len(piece)) != piece for piece in layout.head()):
            findings.add("the header on the disk is not the one that was written")
        file.seek(-len(layout.tail), os.SEEK_END)
        if file.read() != layout.tail:
            findings.add("the file does not end as it was written")


def _check_frames(
    index: FrameIndex,
    image: Image,
    table: FrameTable | None,
    findings: _Findings,
    first: int,
    workers: int,
    on_frames: Callable[[int, int], None] | None,
) -> tuple[str, FrameDigests]:
    """Check every frame; return the file's digest in hex and those of the frames."""
    is_stopped = Event()
    checker = _Checker(index, image, table, findings, first)
    try:
        with ThreadPoolExecutor(1, "wsi-hash") as hasher:
            try:
                hashed = hasher.submit(_digest_of, index.path, is_stopped)
                checked = FrameDigests()
                for frames, size_bytes, digests in _checked(checker, index, workers):
                    checked.add(digests)
                    paged.let_go()
                    if on_frames is not None:
                        on_frames(frames, size_bytes)
                return hashed.result(), checked
            finally:
                is_stopped.set()
    finally:
        checker.close()


def _checked(checker: _Checker, index: FrameIndex, workers: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield (frames, bytes, digests) batch by batch, in order."""
    cuts = _batches(index)
    if not checker.has_pixels:
        # One thread beside the one that hashes the file: a third would only fight for the interpreter's lock.
        for cut in cuts:
            yield cut.end - cut.first, cut.size_bytes, checker.check(cut)
        return
    waiting: deque[tuple[_Cut, Future[bytes]]] = deque()
    with ThreadPoolExecutor(workers, "wsi-verify") as pool:
        try:
            for cut in cuts:
                waiting.append((cut, pool.submit(checker.check, cut)))
                if len(waiting) >= workers * _BATCHES_AHEAD_MAX:
                    done, digests = waiting.popleft()
                    yield done.end - done.first, done.size_bytes, digests.result()
            while waiting:
                done, digests = waiting.popleft()
                yield done.end - done.first, done.size_bytes, digests.result()
        finally:
            for _, digests in waiting:
                digests.cancel()


def _digest_of(path: Path, is_stopped: Event) -> str:
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_HASH_BYTES))
    with path.open("rb", buffering=0) as file:
        while (count := file.readinto(buffer)) and not is_stopped.is_set():
            digest.update(buffer[:count])
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """Frames that are read and checked together, and the bytes of the file they lie in, item headers included."""

    first: int
    end: int
    start: int
    size_bytes: int


def _batches(index: FrameIndex) -> Iterator[_Cut]:
    first, count = 0, len(index.offsets)
    header_bytes = 0 if index.is_native else 8
    while first < count:
        some = slice(first, min(first + _BATCH_FRAMES_MAX, count))
        offsets, lengths = index.offsets[some], index.lengths[some]
        ends = offsets + lengths
        if bool((offsets[1:] <= offsets[:-1]).any()) or (first and offsets[0] <= index.offsets[first - 1]):
            raise TruncatedSlideError(f"{index.path.name} has frames out of order.")
        held = int(np.searchsorted(ends, offsets[0] + _BATCH_BYTES, side="right"))
        taken = max(held, 1)
        start = int(offsets[0]) - header_bytes
        yield _Cut(first=first, end=first + taken, start=start, size_bytes=int(ends[taken - 1]) - start)
        first += taken


class _Checker:
    """Checks batches of frames; safe to use from several threads."""

    def __init__(
        self, index: FrameIndex, image: Image, table: FrameTable | None, findings: _Findings, first: int
    ) -> None:
        self._first = first
        self._index, self._image, self._table, self._findings = index, image, table, findings
        self._file = os.open(index.path, os.O_RDONLY | os.O_CLOEXEC)
        self._scan = os.open(table.path, os.O_RDONLY | os.O_CLOEXEC) if table is not None else -1
        self._spare: list[tuple[bytearray, bytearray]] = []

    @property
    def has_pixels(self) -> bool:
        """Pixels are to be decoded and compared, too."""
        return isinstance(self._image, MadeImage)

    def close(self) -> None:
        """Close the object and the scan."""
        os.close(self._file)
        if self._scan >= 0:
            os.close(self._scan)

    def check(self, cut: _Cut) -> bytes:
        """Check a run of frames and return their digests."""
        # Buffers are used again and again: fresh ones of this size cost more page faults than the reading.
        buffers = self._spare.pop() if self._spare else (bytearray(_BATCH_BYTES), bytearray(_BATCH_BYTES))
        data, source = (_at_least(buffer, cut.size_bytes) for buffer in buffers)
        if os.preadv(self._file, [memoryview(data)[: cut.size_bytes]], cut.start) != cut.size_bytes:
            raise TruncatedSlideError(f"{self._index.path.name} ends early.")
        if not self._index.is_native:
            self._check_items(data, cut)
        if self._table is None:
            spans = [self._span(data, cut.start, number) for number in range(cut.first, cut.end)]
        else:
            source, spans = self._check_bytes(self._table, data, source, cut)
        view = memoryview(data)
        if isinstance(self._image, MadeImage):
            for number, (start, end) in enumerate(spans, self._first + cut.first):
                self._check_pixels(self._image, number, bytes(view[start:end]))
        digests = b"".join([hashlib.sha256(view[start:end]).digest() for start, end in spans])
        self._spare.append((data, source))
        return digests

    def _check_items(self, data: bytearray, cut: _Cut) -> None:
        starts = self._index.offsets[cut.first : cut.end] - cut.start - 8
        heads = np.frombuffer(data, np.uint8)[starts[:, None] + np.arange(8)]
        tags = np.ascontiguousarray(heads[:, :4]).view("<u4")[:, 0]
        lengths = np.ascontiguousarray(heads[:, 4:]).view("<u4")[:, 0]
        stored = self._index.lengths[cut.first : cut.end]
        for wrong in np.flatnonzero((tags != 0xE000FFFE) | (lengths != stored)).tolist():
            number = cut.first + wrong + 1
            self._findings.add(f"frame {number}: the offset table does not point to an item of its length")

    def _span(self, data: bytearray, at: int, number: int) -> tuple[int, int]:
        start = int(self._index.offsets[number]) - at
        end = start + int(self._index.lengths[number])
        # Without the scan's own length the padding byte is known by what follows the end marker.
        is_jpeg = self._image.encoding.transfer_syntax_uid == forms.JPEG_BASELINE
        return start, end - 1 if is_jpeg and data[end - 3 : end] == codec.EOI + b"\0" else end

    def _check_bytes(
        self, table: FrameTable, data: bytearray, source: bytearray, cut: _Cut
    ) -> tuple[bytearray, list[tuple[int, int]]]:
        """Compare frames with the scan's tiles where both lie; return the scan's buffer and where each frame lies."""
        source, places = self._tiles(table, source, cut)
        tiles, spans = memoryview(source), []
        prefix, skip, blank = table.prefix, table.skip_bytes, table.blank
        starts = (self._index.offsets[cut.first : cut.end] - cut.start).tolist()
        stored = self._index.lengths[cut.first : cut.end].tolist()
        lengths = table.lengths[cut.first : cut.end].tolist()
        form = self._form(table)
        for number, (start, size, length, place) in enumerate(
            zip(starts, stored, lengths, places, strict=True), cut.first
        ):
            if length:
                body = start + len(prefix)
                end = body + length - skip
                is_equal = data.startswith(prefix, start) and data.startswith(
                    tiles[place + skip : place + length], body
                )
            else:
                end = start + len(blank)
                is_equal = data.startswith(blank, start)
            if not is_equal:
                self._findings.add(f"frame {number + 1}: its bytes differ from the scan's tile")
            elif form and not data.startswith(form, start):
                self._check_form(number, bytes(data[start:end]))
            if size != end - start and (size != end - start + 1 or data[end]):
                self._findings.add(f"frame {number + 1}: {size} bytes stored for {end - start}")
            spans.append((start, end))
        return source, spans

    def _tiles(self, table: FrameTable, source: bytearray, cut: _Cut) -> tuple[bytearray, list[int]]:
        """Read the scan's tiles of a run, in one go where they lie together; return where each begins."""
        offsets, lengths = table.offsets[cut.first : cut.end], table.lengths[cut.first : cut.end]
        is_there = lengths > 0
        low = int(offsets[is_there].min()) if is_there.any() else 0
        high = int((offsets + lengths)[is_there].max()) if is_there.any() else 0
        if high - low <= 2 * int(lengths.sum()) + _BATCH_BYTES:
            runs, places = [(low, high - low)], offsets - low
        else:
            runs = list(zip(offsets.tolist(), lengths.tolist(), strict=True))
            places = np.cumsum(lengths) - lengths
        source = _at_least(source, sum(size for _, size in runs))
        view, at = memoryview(source), 0
        for offset, size in runs:
            if size and os.preadv(self._scan, [view[at : at + size]], offset) != size:
                raise TruncatedSlideError(f"{table.path.name} ends inside its tiles.")
            at += size
        return source, places.tolist()

    def _form(self, table: FrameTable) -> bytes:
        """Return what every copied frame begins with when all have the form the header states for all."""
        is_jpeg = self._image.encoding.transfer_syntax_uid == forms.JPEG_BASELINE
        return table.prefix + table.start[table.skip_bytes :] if table.start and is_jpeg else b""

    def _check_form(self, number: int, frame: bytes) -> None:
        header = codec.parse_jpeg(frame)
        is_rgb = header.adobe_transform == 0 or header.component_ids == (0x52, 0x47, 0x42)
        stated = self._image.encoding.photometric_interpretation
        size = (self._image.level.tile_width_px, self._image.level.tile_height_px)
        if (header.width_px, header.height_px) != size or (len(header.sampling) == 3) != (stated != "MONOCHROME2"):
            self._findings.add(f"frame {number + 1}: the tile's size or components differ from the others'")
        elif len(header.sampling) == 3 and is_rgb != (stated == "RGB"):
            self._findings.add(f"frame {number + 1}: the tile's colours are coded differently from the others'")

    def _check_pixels(self, image: MadeImage, number: int, body: bytes) -> None:
        level = image.level
        if image.is_same is not None:
            if not image.is_same(number, body):
                self._findings.add(f"frame {number + 1}: its coefficients differ from the scan's")
            return
        pixels = codec.decode_frame(body, image.encoding, width_px=level.tile_width_px, height_px=level.tile_height_px)
        psnr_db = psnr(image.read_pixels(number), pixels)
        if image.psnr_db_min is None:
            if psnr_db != _PSNR_EQUAL_DB:
                self._findings.add(f"frame {number + 1}: its pixels differ from the scan's")
            return
        self._findings.closeness(psnr_db)
        if psnr_db < image.psnr_db_min:
            self._findings.add(f"frame {number + 1}: {psnr_db:.1f} dB from the scan, {image.psnr_db_min} dB allowed")


def _at_least(buffer: bytearray, size_bytes: int) -> bytearray:
    return buffer if len(buffer) >= size_bytes else bytearray(size_bytes)


def psnr(expected: Pixels, found: Pixels) -> float:
    """Return the peak signal to noise ratio in dB; 999 for equal, 0 for another shape or depth.

    More than 8 bit are never stored with loss: they are equal or not.
    """
    if expected.shape != found.shape:
        return 0.0
    if expected.dtype != found.dtype:
        return 0.0
    if expected.dtype != np.uint8:
        return _PSNR_EQUAL_DB if np.array_equal(expected, found) else 0.0
    difference = expected.astype(np.int16) - found
    error = float(np.mean(np.square(difference, dtype=np.int32)))
    return _PSNR_EQUAL_DB if error == 0 else 10 * math.log10(255 * 255 / error)
