"""WADO-RS frames: a regular expression, a look-up, one read.  Standard: PS3.18 10.4.1.1.6"""

from aiohttp import web

from edge.api.dicomweb_accept import Choice, Form, NotAcceptableError, choose_frame_form
from edge.api.dicomweb_objects import AnyFrames, Objects
from edge.api.dicomweb_sending import JOINED_BYTES_MAX, Parts, is_fresh, not_modified, send_bytes, underway
from edge.dicom.decode import decode, encode_native
from edge.dicom.pixel_layout import PixelLayout
from edge.dicom.render import Wish, encode
from edge.errors import BadInputError, NotFoundError

FRAME_LIST_MAX = 4096
TRANSCODED_QUALITY = 92


class Frames:
    """Answers for frames as they are stored, or converted when the client takes nothing else."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """GET …/frames/LIST.  Raises: NotFoundError, BadInputError, NotAcceptableError, RangeError."""
        place = request.match_info
        instance = await self._objects.find(place["study"], place["series"], place["instance"])
        numbers = parse_frame_list(place["frames"])
        accept = request.query.get("accept") or request.headers.get("Accept", "")
        choice = choose_frame_form(accept, instance.transfer_syntax_uid)
        etag = f'"{instance.digest[:32]}-{place["frames"][:64]}-{choice.form}-{int(choice.is_multipart)}"'
        if is_fresh(request, etag):
            return not_modified(etag)
        frames = await self._objects.open_frames(instance)
        for number in numbers:
            frames.index.extent(number)
        if len(numbers) == 1 and not choice.is_multipart:
            data = await self._frame(frames, numbers[0], choice)
            return send_bytes(request, data, choice.part_type, etag)
        return await self._send_parts(request, frames, numbers, choice, etag)

    async def _send_parts(
        self, request: web.Request, frames: AnyFrames, numbers: list[int], choice: Choice, etag: str
    ) -> web.StreamResponse:
        parts = Parts(request, choice.media_type, etag)
        weight_bytes = sum(frames.index.extent(number)[1] for number in numbers)
        if choice.form is Form.STORED and weight_bytes <= JOINED_BYTES_MAX:
            found = [await self._frame(frames, number, choice) for number in numbers]
            return parts.join(found, choice.part_type)
        first = await self._frame(frames, numbers[0], choice)  # What cannot be converted is said before the status.
        await parts.start()
        await parts.write(parts.head(choice.part_type) + first)
        with underway():
            for number in numbers[1:]:
                data = await self._frame(frames, number, choice)
                await parts.write(parts.head(choice.part_type) + data)
        return await parts.finish()

    async def _frame(self, frames: AnyFrames, number: int, choice: Choice) -> bytes:
        data = await self._objects.read_frame(frames, number)
        if choice.form is Form.STORED:
            return data
        return await self._objects.decoders.run(convert, data, frames.index.layout, choice.form)


def convert(data: bytes, layout: PixelLayout, form: Form) -> bytes:
    """Return a stored frame in another form.  Raises: NotDecodableError, NotAcceptableError."""
    pixels = decode(data, layout)
    if form is Form.NATIVE:
        return encode_native(pixels, layout)
    if layout.is_float or layout.bits_allocated > (8 if form is Form.JPEG else 16) or layout.is_signed:
        raise NotAcceptableError(
            f"A frame of {layout.bits_stored} bits does not fit into {form}.",
            next_step="Add /rendered to the address for a picture, or accept application/octet-stream.",
        )
    if form is Form.JPEG:
        return encode(pixels, Wish(media_type="image/jpeg", quality=TRANSCODED_QUALITY))
    return encode(pixels, Wish(media_type="image/png"))


def parse_frame_list(text: str) -> list[int]:
    """Split 1,2,3.  Raises: BadInputError, NotFoundError for frame 0."""
    parts = text.split(",", FRAME_LIST_MAX)
    if len(parts) > FRAME_LIST_MAX:
        raise BadInputError(f"More than {FRAME_LIST_MAX} frames are asked for at once.")
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise BadInputError("The list of frames is not a list of numbers.", next_step="Write 1 or 1,2,3.")
    numbers = [int(part) for part in parts]
    if 0 in numbers:
        raise NotFoundError("Frame 0 does not exist.", next_step="Frames count from 1.")
    return numbers
