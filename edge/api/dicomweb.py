"""DICOMweb: the addresses, and who answers at each.  Standard: PS3.18

studies[/S[/series[/E[/instances[/I]]]]]          QIDO-RS on the plural, WADO-RS on the named, STOW-RS by POST
…/metadata  …/frames/N,M  …/bulkdata/TAG  …/rendered  …/frames/N/rendered  …/thumbnail
commitment-requests/T                             storage commitment; OPTIONS and GET on the root: what there is
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from edge.api import dicomweb_capabilities as capabilities
from edge.api.dicomweb_commitment import Commitments
from edge.api.dicomweb_frames import Frames
from edge.api.dicomweb_objects import ROOT, Objects
from edge.api.dicomweb_query import Query
from edge.api.dicomweb_rendered import Rendered
from edge.api.dicomweb_retrieve import Retrieve
from edge.api.dicomweb_store import Store
from edge.api.parts import Parts
from edge.api.route import Answer, Call, Route
from edge.core.access import Action

STUDY = ROOT + "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"


def routes(parts: Parts) -> list[Route]:
    """Return the rows of the route table; the most asked for come first."""
    objects = Objects(parts.instances, parts.scans, parts.recall)
    frames, rendered, retrieve = Frames(objects), Rendered(parts.database, objects), Retrieve(objects)
    query, store, commitments = Query(parts.database, objects), Store(objects), Commitments(objects)

    def get(
        path: str, name: str, summary: str, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Route:
        return Route(
            method="GET", path=path, name=f"dicomweb.{name}", gate=Action.READ_IMAGES, answer=_of(answer),
            summary=summary,
        )  # fmt: skip

    def search(path: str, name: str, level: str) -> Route:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await query.answer(request, level)

        return get(path, f"search.{name}", f"Search at the level of the {level} (QIDO-RS)", answer)

    def post(path: str, name: str) -> Route:
        return Route(
            method="POST", path=path, name=f"dicomweb.{name}", gate=Action.STORE, answer=_of(store.answer),
            summary="Store objects (STOW-RS)", audit="object.stored",
        )  # fmt: skip

    levels = (("instance", INSTANCE), ("series", SERIES), ("study", STUDY))
    searches = (
        ("studies", ROOT + "/studies", "study"),
        ("series", STUDY + "/series", "series"),
        ("all_series", ROOT + "/series", "series"),
        ("instances", SERIES + "/instances", "instance"),
        ("study_instances", STUDY + "/instances", "instance"),
        ("all_instances", ROOT + "/instances", "instance"),
    )
    shown = rendered.answer_frames
    thumbnail = rendered.answer_thumbnail
    commitment = ROOT + "/commitment-requests/{transaction}"
    rows = [
        get(INSTANCE + "/frames/{frames}", "frames", "Frames as stored, or converted (WADO-RS)", frames.answer),
        get(INSTANCE + "/frames/{frames}/rendered", "frames.rendered", "Frames as pictures", shown),
        get(INSTANCE + r"/frames/{frame:\d{1,9}}/thumbnail", "frames.thumbnail", "A small picture", thumbnail),
        get(INSTANCE + "/rendered", "rendered", "The first frame as a picture", shown),
        get(INSTANCE + "/bulkdata/{path:.+}", "bulkdata", "A large value", retrieve.answer_bulk_data),
        *[get(path + "/thumbnail", f"thumbnail.{level}", "A small picture", thumbnail) for level, path in levels],
        *[
            get(path + "/metadata", f"metadata.{level}", "Attributes as DICOM JSON", retrieve.answer_metadata)
            for level, path in levels
        ],
        *[search(path, name, level) for name, path, level in searches],
        *[get(path, f"retrieve.{level}", "Whole objects (WADO-RS)", retrieve.answer_objects) for level, path in levels],
        post(ROOT + "/studies", "store"),
        post(STUDY, "store.study"),
        get(commitment, "commitment.result", "What became of a request for commitment", commitments.look_up),
        Route(
            method="POST", path=commitment, name="dicomweb.commitment", gate=Action.STORE, answer=_of(commitments.ask),
            summary="Storage commitment", audit="object.commitment",
        ),
    ]  # fmt: skip

    async def describe(request: web.Request) -> web.StreamResponse:
        return capabilities.answer(request, rows)

    return [
        *rows,
        get(ROOT, "capabilities", "What this service answers", describe),
        get(ROOT + "/", "capabilities.root", "What this service answers", describe),
        Route(method="OPTIONS", path=ROOT, name="dicomweb.options", gate=Action.READ_IMAGES, answer=_of(describe),
              summary="What this service answers"),
        Route(method="OPTIONS", path=ROOT + "/", name="dicomweb.options.root", gate=Action.READ_IMAGES,
              answer=_of(describe), summary="What this service answers"),
    ]  # fmt: skip


def _of(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Answer:
    async def answer(call: Call) -> web.StreamResponse:
        return await handler(call.request)

    return answer
