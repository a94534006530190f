"""The rendered form of a presentation state: its image, shown as the state says.  Standard: PS3.18 10.4.1.1.3"""

from edge.api.dicomweb_objects import Objects
from edge.dicom.decode import decode
from edge.dicom.render import Wish, finish
from edge.dicom.softcopy import Reference, State, references
from edge.errors import NotFoundError
from edge.store.instances import Instance

REFERENCES_TRIED_MAX = 64


class States:
    """Finds the image a state is for, and shows it so."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def picture(self, instance: Instance, number: int, wish: Wish) -> bytes:
        """Render the first image of a state that is here; `number` is the frame, where the state names none.

        Raises: NotFoundError (no image here), NotDecodableError, BadInputError.
        """
        opened = await self._objects.readers.run(self._objects.open_header, instance)
        target, reference = await self._find_image(instance, references(opened.dataset))
        state = State(opened.dataset, target.sop_instance_uid)
        image = await self._objects.readers.run(self._objects.open_header, target)
        frames = await self._objects.open_frames(target)
        if reference.frame_numbers and number not in reference.frame_numbers:
            number = reference.frame_numbers[0]
        data = await self._objects.read_frame(frames, number)
        layout = frames.index.layout

        def work() -> bytes:
            shown = state.presentation(image.dataset, layout).show(decode(data, layout), number, wish.window)
            return finish(state.finish(shown), wish)

        return await self._objects.decoders.run(work)

    async def _find_image(self, instance: Instance, found: list[Reference]) -> tuple[Instance, Reference]:
        """Only within the state's own study: whoever may read this may read that."""
        for reference in found[:REFERENCES_TRIED_MAX]:
            try:
                place = instance.study_instance_uid, reference.series_instance_uid, reference.sop_instance_uid
                return await self._objects.find(*place), reference
            except NotFoundError:
                continue
        raise NotFoundError(
            "The image that this presentation state is for is not on this node.",
            next_step="Send the image too; its study must be the same.",
        )
