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
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wsi import codec
from wsi import encoding as forms
from wsi.errors import TruncatedSlideError
from wsi.frames import FrameIndex, index_frames
from wsi.source import FrameTable, Image, MadeImage, Pixels

_BATCH_BYTES = 4 << 20
_BATCH_FRAMES_MAX = 2000
_BATCHES_AHEAD_MAX = 4
_PROBLEMS_MAX = 100
_PSNR_EQUAL_DB = 999.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What the proof of one object found."""

    path: Path
    sop_instance_uid: str
    kind: str
    frames: int
    sha256: str
    frame_sha256: bytes
    """The digests of all frames without padding, 32 bytes each, in order."""
    origin: str
    psnr_db: float | None
    """The worst frame's, where frames were re-encoded with loss."""
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """What the proof of a whole conversion found."""

    files: tuple[FileReport, ...]
    problems: tuple[str, ...] = ()
    """What concerns no single object: images missing or left over."""

    @property
    def is_proven(self) -> bool:
        """Every object is there and right."""
        return not self.problems and bool(self.files) and not any(file.problems for file in self.files)

    def manifest(self) -> dict[str, object]:
        """Return the report in plain values for JSON, with a digest per file and per frame."""
        return {
            "is_proven": self.is_proven,
            "problems": list(self.problems),
            "files": [
                {
                    "name": file.path.name,
                    "sop_instance_uid": file.sop_instance_uid,
                    "kind": file.kind,
                    "frames": file.frames,
                    "origin": file.origin,
                    "psnr_db": file.psnr_db,
                    "sha256": file.sha256,
                    "frame_sha256": [
                        file.frame_sha256[at : at + 32].hex() for at in range(0, len(file.frame_sha256), 32)
                    ],
                    "problems": list(file.problems),
                }
                for file in self.files
            ],
        }


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
    sha256: str = "",
    workers: int = 2,
    on_frames: Callable[[int, int], None] | None = None,
) -> FileReport:
    """Hold one object against its image.

    `table` says where its frames came from, `sha256` what was meant to be written.

    Raises: SlideError when the object cannot be read at all.
    """
    index = index_frames(path)
    findings = _Findings()
    _check_header(index, image, findings)
    digest, frame_digests = hashlib.sha256(), b""
    if not findings.problems:
        frame_digests = _check_frames(index, image, table, digest, findings, workers, on_frames)
        if sha256 and digest.hexdigest() != sha256:
            findings.add(f"the file's digest is {digest.hexdigest()}, not {sha256} as written")
    return FileReport(
        path=path,
        sop_instance_uid=str(index.dataset.SOPInstanceUID),
        kind=image.kind.value,
        frames=len(index.offsets),
        sha256=digest.hexdigest(),
        frame_sha256=frame_digests,
        origin=image.encoding.origin.value,
        psnr_db=findings.psnr_db,
        problems=tuple(findings.problems),
    )


def _check_header(index: FrameIndex, image: Image, findings: _Findings) -> None:
    ds, level, encoding = index.dataset, image.level, image.encoding
    expected = {
        "NumberOfFrames": level.frame_count,
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
    if ds.file_meta.TransferSyntaxUID != encoding.transfer_syntax_uid:
        findings.add(f"the transfer syntax is {ds.file_meta.TransferSyntaxUID}, not {encoding.transfer_syntax_uid}")


def _check_frames(
    index: FrameIndex,
    image: Image,
    table: FrameTable | None,
    digest: hashlib._Hash,
    findings: _Findings,
    workers: int,
    on_frames: Callable[[int, int], None] | None,
) -> bytes:
    file = os.open(index.path, os.O_RDONLY | os.O_CLOEXEC)
    scan = os.open(table.path, os.O_RDONLY | os.O_CLOEXEC) if table is not None else -1
    checker = _Checker(index, image, table, scan, findings)
    waiting: deque[tuple[int, int, Future[bytes], Future[None]]] = deque()
    digests: list[bytes] = []

    def collect() -> None:
        frames, size_bytes, checked, hashed = waiting.popleft()
        digests.append(checked.result())
        hashed.result()
        if on_frames is not None:
            on_frames(frames, size_bytes)

    try:
        with ThreadPoolExecutor(workers, "wsi-verify") as pool, ThreadPoolExecutor(1, "wsi-hash") as hasher:
            try:
                at = 0
                for first, end, until in _batches(index, os.fstat(file).st_size):
                    data = os.pread(file, until - at, at)
                    if len(data) != until - at:
                        raise TruncatedSlideError(f"{index.path.name} ends early.")
                    hashed = hasher.submit(digest.update, data)
                    waiting.append((end - first, len(data), pool.submit(checker.check, data, at, first, end), hashed))
                    at = until
                    while len(waiting) >= _BATCHES_AHEAD_MAX:
                        collect()
                while waiting:
                    collect()
            finally:
                for _, _, checked, hashed in waiting:
                    checked.cancel()
                    hashed.cancel()
    finally:
        os.close(file)
        if scan >= 0:
            os.close(scan)
    return b"".join(digests)


def _batches(index: FrameIndex, file_bytes: int) -> list[tuple[int, int, int]]:
    """Cut a file into (first frame, end frame, end byte); together they cover every byte of it once."""
    ends = index.offsets + index.lengths
    if len(ends) > 1 and int(np.diff(index.offsets).min()) <= 0:
        raise TruncatedSlideError(f"{index.path.name} has frames out of order.")
    cuts, first, count = [], 0, len(ends)
    while first < count:
        limit = int(np.searchsorted(ends, index.offsets[first] + _BATCH_BYTES, side="right"))
        end = min(max(limit, first + 1), first + _BATCH_FRAMES_MAX, count)
        cuts.append((first, end, int(ends[end - 1]) if end < count else file_bytes))
        first = end
    return cuts


class _Checker:
    """Checks batches of frames; safe to use from several threads."""

    def __init__(
        self, index: FrameIndex, image: Image, table: FrameTable | None, scan: int, findings: _Findings
    ) -> None:
        self._index, self._image, self._table, self._scan, self._findings = index, image, table, scan, findings

    def check(self, data: bytes, at: int, first: int, end: int) -> bytes:
        """Check frames first … end-1, whose bytes are in `data` (from file offset `at`); return their digests."""
        if not self._index.is_native:
            self._check_items(data, at, first, end)
        if self._table is None:
            bodies = [self._body(data, at, number) for number in range(first, end)]
        else:
            bodies = self._check_bytes(self._table, data, at, first, end)
        if isinstance(self._image, MadeImage):
            for number, body in enumerate(bodies, first):
                self._check_pixels(self._image, number, body)
        return b"".join([hashlib.sha256(body).digest() for body in bodies])

    def _check_items(self, data: bytes, at: int, first: int, end: int) -> None:
        starts = self._index.offsets[first:end] - at - 8
        heads = np.frombuffer(data, np.uint8)[starts[:, None] + np.arange(8)]
        tags = np.ascontiguousarray(heads[:, :4]).view("<u4")[:, 0]
        lengths = np.ascontiguousarray(heads[:, 4:]).view("<u4")[:, 0]
        for wrong in np.flatnonzero((tags != 0xE000FFFE) | (lengths != self._index.lengths[first:end])).tolist():
            self._findings.add(f"frame {first + wrong + 1}: the offset table does not point to an item of its length")

    def _body(self, data: bytes, at: int, number: int) -> bytes:
        start = int(self._index.offsets[number]) - at
        body = data[start : start + int(self._index.lengths[number])]
        # Without the scan's own length the padding byte is known by what follows the end marker.
        is_jpeg = self._image.encoding.transfer_syntax_uid == forms.JPEG_BASELINE
        return body[:-1] if is_jpeg and body.endswith(codec.EOI + b"\0") else body

    def _check_bytes(self, table: FrameTable, data: bytes, at: int, first: int, end: int) -> list[bytes]:
        bodies = []
        starts = (self._index.offsets[first:end] - at).tolist()
        stored = self._index.lengths[first:end].tolist()
        for number, start, size, expected in zip(
            range(first, end), starts, stored, self._expected(table, first, end), strict=True
        ):
            length = len(expected)
            body = data[start : start + length]
            if body != expected:
                self._findings.add(f"frame {number + 1}: its bytes differ from the scan's tile")
            if size - length not in (0, 1) or data[start + length : start + size].strip(b"\0"):
                self._findings.add(f"frame {number + 1}: {size} bytes stored for {length}")
            bodies.append(body)
        return bodies

    def _expected(self, table: FrameTable, first: int, end: int) -> list[bytes]:
        offsets, lengths = table.offsets[first:end], table.lengths[first:end]
        low = int(offsets[lengths > 0].min()) if lengths.any() else 0
        high = int((offsets + lengths).max())
        frames: list[bytes] = []
        if high - low > 2 * int(lengths.sum()) + _BATCH_BYTES:
            frames = [table.read(self._scan, number) for number in range(first, end)]
        else:
            source = os.pread(self._scan, high - low, low)
            prefix, skip = table.prefix, table.skip_bytes
            for offset, length in zip((offsets - low).tolist(), lengths.tolist(), strict=True):
                frames.append(prefix + source[offset + skip : offset + length] if length else table.blank)
        self._check_form(table, frames, first)
        return frames

    def _check_form(self, table: FrameTable, frames: list[bytes], first: int) -> None:
        """See that every copied tile has the form the header states for all."""
        start = table.prefix + table.start[table.skip_bytes :]
        if not table.start or self._image.encoding.transfer_syntax_uid != forms.JPEG_BASELINE:
            return
        for number, frame in enumerate(frames, first):
            if frame.startswith(start):
                continue
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


def psnr(expected: Pixels, found: Pixels) -> float:
    """Return the peak signal to noise ratio in dB; 999 for equal, 0 for another shape."""
    if expected.shape != found.shape:
        return 0.0
    difference = expected.astype(np.int16) - found
    error = float(np.mean(np.square(difference, dtype=np.int32)))
    return _PSNR_EQUAL_DB if error == 0 else 10 * math.log10(255 * 255 / error)
