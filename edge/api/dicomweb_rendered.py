"""WADO-RS rendered and thumbnail: what any browser shows.  Standard: PS3.18 8.3.5 and 10.4.1.1.3"""

import hashlib
import math

from aiohttp import web

from edge.api.dicomweb_accept import choose_picture_type
from edge.api.dicomweb_frames import parse_frame_list
from edge.api.dicomweb_objects import Objects
from edge.api.dicomweb_sending import Parts, is_fresh, not_modified, send_bytes
from edge.api.dicomweb_states import States
from edge.dicom.decode import NotDecodableError
from edge.dicom.presentation import Window
from edge.dicom.render import VIEWPORT_PX_MAX, Viewport, Wish, render
from edge.dicom.softcopy import STATE_CLASSES
from edge.errors import BadInputError, EdgeError, NotFoundError
from edge.store import index
from edge.store.database import Database
from edge.store.instances import Instance

THUMBNAIL_PX = 256
RENDERED_LIST_MAX = 64
THUMBNAIL_TRIES_MAX = 8
_CURVES = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
SLIDE_IMAGES_MAX = 1000
_KIND_RANKS = {"THUMBNAIL": 0, "OVERVIEW": 1, "LABEL": 9}
"""By the third value of ImageType; levels of the pyramid come in between."""
_SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"


class NobodyWaitsError(EdgeError):
    """Somebody scrolled on: what was asked for and not yet begun is left."""

    code = "client.gone"
    http_status = 499
    next_step = "Ask again."


class Rendered:
    """Answers with pictures."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._database = database
        self._objects = objects
        self._states = States(objects)

    async def answer_frames(self, request: web.Request) -> web.StreamResponse:
        """GET …/instances/I/rendered and …/frames/LIST/rendered."""
        place = request.match_info
        instance = await self._objects.find(place["study"], place["series"], place["instance"])
        numbers = parse_frame_list(place.get("frames", "1"))
        if len(numbers) > RENDERED_LIST_MAX:
            raise BadInputError(f"More than {RENDERED_LIST_MAX} pictures are asked for at once.")
        wish = parse_wish(request)
        etag = _etag(instance, place.get("frames", "1"), wish)
        if is_fresh(request, etag):
            return not_modified(etag)
        if instance.sop_class_uid in STATE_CLASSES:
            picture = await self._states.picture(instance, numbers[0], wish)
            return send_bytes(request, picture, wish.media_type, etag)
        pictures = [await self._picture(request, instance, number, wish) for number in numbers]
        if len(pictures) == 1:
            return send_bytes(request, pictures[0], wish.media_type, etag)
        return Parts(request, wish.media_type, etag).join(pictures, wish.media_type)

    async def answer_thumbnail(self, request: web.Request) -> web.StreamResponse:
        """GET …/thumbnail of a study, series, instance or frame.  Raises: NotFoundError when nothing has pixels."""
        place = request.match_info
        wish = parse_wish(request)
        if wish.viewport is None:
            wish = Wish(
                media_type=wish.media_type,
                quality=wish.quality,
                window=wish.window,
                viewport=Viewport(width_px=THUMBNAIL_PX, height_px=THUMBNAIL_PX),
            )
        if "instance" in place:
            candidates = [await self._objects.find(place["study"], place["series"], place["instance"], or_away=True)]
        else:
            found = await self._objects.list(place["study"], place.get("series"), or_away=True)
            candidates = await self._order(found)
        problem: EdgeError = NotFoundError("Nothing here has pixels.")
        for instance in candidates[:THUMBNAIL_TRIES_MAX]:
            number = int(place["frame"]) if "frame" in place else None
            etag = _etag(instance, f"t{number}", wish)
            if is_fresh(request, etag):
                return not_modified(etag)
            try:
                if instance.evicted_s is not None:
                    picture = await self._objects.readers.run(self._kept_thumbnail, instance)
                    return send_bytes(request, picture, "image/jpeg", etag)
                picture = await self._picture(request, instance, number, wish)
                return send_bytes(request, picture, wish.media_type, etag)
            except (NotFoundError, NotDecodableError, BadInputError) as error:
                problem = error
        raise problem

    def _kept_thumbnail(self, instance: Instance) -> bytes:
        """Return what stays of an object that is away: a list fetches nothing back.  Raises: NotFoundError."""
        try:
            return self._objects.instances.thumbnail_of(instance).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError("The object is not on this node now, and has no small picture.") from error

    async def _order(self, instances: list[Instance]) -> list[Instance]:
        """Put what shows best what this is first: a slide's thumbnail, never its label; else the middle."""
        slides = [instance for instance in instances if instance.sop_class_uid == _SLIDE_CLASS]
        if slides:
            kinds = await self._objects.readers.run(self._kinds, slides[0].study_instance_uid)
            return sorted(slides, key=lambda one: (kinds.get(one.sop_instance_uid, 2), one.frame_count, one.size_bytes))
        middle = len(instances) // 2
        return [*instances[middle:], *instances[:middle]]

    def _kinds(self, study: str) -> dict[str, int]:
        """Return the rank of each image of a study's slides."""
        filters = {"StudyInstanceUID": study, "SOPClassUID": _SLIDE_CLASS}
        rows = index.search_instances(self._database, filters, limit=SLIDE_IMAGES_MAX, with_scans=True).rows
        return {row["SOPInstanceUID"]: _rank(row.get("ImageType")) for row in rows}

    async def _picture(self, request: web.Request, instance: Instance, number: int | None, wish: Wish) -> bytes:
        """Render a frame; None is the one in the middle."""
        frames = await self._objects.open_frames(instance)
        if number is None:
            number = (frames.index.frame_count + 1) // 2
        data = await self._objects.read_frame(frames, number)
        presentation = await self._objects.presentation(instance, frames)

        def work() -> bytes:
            if request.transport is None or request.transport.is_closing():
                raise NobodyWaitsError("The client went away before its picture's turn.")
            return render(data, number, presentation, wish)

        return await self._objects.decoders.run(work)


def _rank(image_type: object) -> int:
    kinds = image_type if isinstance(image_type, list) else []
    return next((rank for kind, rank in _KIND_RANKS.items() if kind in kinds), 2)


def _etag(instance: Instance, name: str, wish: Wish) -> str:
    return f'"{instance.digest[:32]}-{hashlib.blake2b(f"{name} {wish}".encode(), digest_size=8).hexdigest()}"'


def parse_wish(request: web.Request) -> Wish:
    """Read what is asked for.  Raises: BadInputError, NotAcceptableError."""
    query = request.query
    media_type = choose_picture_type(query.get("accept") or request.headers.get("Accept", ""))
    quality = _numbers(query.get("quality"), "quality", (1,))
    if quality is not None and not 1 <= quality[0] <= 100:
        raise BadInputError("quality is a number from 1 to 100.")
    return Wish(
        media_type="image/png" if media_type == "image/png" else "image/jpeg",
        quality=None if quality is None else int(quality[0]),
        window=_parse_window(query.get("window")),
        viewport=_parse_viewport(query.get("viewport")),
    )


def _parse_window(text: str | None) -> Window | None:
    if not text:
        return None
    *numbers, last = text.split(",")
    if len(numbers) == 1:
        numbers, last = [numbers[0], last], "linear"
    curve = _CURVES.get(last.strip().lower())
    values = _numbers(",".join(numbers), "window", (2,))
    if curve is None or values is None or values[1] <= 0:
        raise BadInputError("window is center,width or center,width,linear|linear-exact|sigmoid; the width above 0.")
    return Window(values[0], values[1], curve)  # type: ignore[arg-type]


def _parse_viewport(text: str | None) -> Viewport | None:
    values = _numbers(text, "viewport", (2, 6))
    if values is None:
        return None
    if not all(1 <= value <= VIEWPORT_PX_MAX for value in values[:2]):
        raise BadInputError(f"viewport is width,height from 1 to {VIEWPORT_PX_MAX} pixels.")
    source = None
    if len(values) == 6:
        left, top, width, height = values[2:]
        if left < 0 or top < 0 or width < 1 or height < 1:
            raise BadInputError("viewport is width,height,left,top,width,height; the part may not be empty.")
        source = (left, top, width, height)
    return Viewport(width_px=int(values[0]), height_px=int(values[1]), source=source)


def _numbers(text: str | None, name: str, counts: tuple[int, ...]) -> list[float] | None:
    if not text:
        return None
    try:
        values = [float(part) for part in text[:200].split(",")]
    except ValueError as error:
        raise BadInputError(f"{name} holds something that is not a number.") from error
    if len(values) not in counts or not all(math.isfinite(value) for value in values):
        raise BadInputError(f"{name} takes {' or '.join(str(count) for count in counts)} numbers.")
    return values
