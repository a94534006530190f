"""What the record service answers about drawings: holds, figures, and keeping them."""

import asyncio
from typing import Any

import msgspec

from edge.core.annotation import Author, Graphic, Wish
from edge.errors import BadInputError
from edge.record.annotations import Annotations, show_figures
from edge.runtime.rpc import Answer


def answers(annotations: Annotations) -> dict[str, Answer]:
    """Return the verbs."""

    async def hold(session_id: str, frame_index: int | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(annotations.hold, session_id, frame_index)

    async def measure(session_id: str, hold_id: str, measurements: list[Any]) -> dict[str, Any]:
        wishes = _read(measurements, tuple[Wish, ...])
        measured = await asyncio.to_thread(annotations.measure, session_id, hold_id, wishes)
        return {"measurements": show_figures(measured)}

    async def annotate(
        session_id: str, graphics: list[Any], measurements: list[Any], author: dict[str, Any], hold_id: str = "",
        frame_index: int | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        return await asyncio.to_thread(
            annotations.annotate, session_id, hold_id=hold_id, frame_index=frame_index,
            graphics=_read(graphics, tuple[Graphic, ...]), wishes=_read(measurements, tuple[Wish, ...]),
            author=_read(author, Author),
        )  # fmt: skip

    return {"frame.hold": hold, "frame.measure": measure, "annotate": annotate}


def _read(value: Any, shape: Any) -> Any:
    """Raises: BadInputError."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise BadInputError(f"The drawing is not as it should be: {error}.") from error
