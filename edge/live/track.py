"""What waits to be sent to one peer: pictures, and sound."""

import asyncio
from collections import deque

from edge.live.picture import Picture

PICTURE_COUNT_MAX = 8
"""A viewer that is further behind loses everything up to the next keyframe."""


class PictureQueue:
    """Pictures for one viewer, in order; never more than `PICTURE_COUNT_MAX`. Belongs to the event loop."""

    def __init__(self) -> None:
        """Empty, and waiting for a keyframe."""
        self._pictures: deque[Picture] = deque()
        self._is_filled = asyncio.Event()
        self._needs_keyframe = True
        self._is_closed = False
        self.dropped_count = 0

    def offer(self, picture: Picture) -> bool:
        """Take a picture if it can be shown; return False when it could not be kept and a keyframe is needed."""
        if self._needs_keyframe and not picture.is_keyframe:
            return True
        if len(self._pictures) >= PICTURE_COUNT_MAX:
            self.dropped_count += len(self._pictures)
            self._pictures.clear()
            if not picture.is_keyframe:
                self._needs_keyframe = True
                return False
        self._needs_keyframe = False
        self._pictures.append(picture)
        self._is_filled.set()
        return True

    def await_keyframe(self) -> None:
        """Another encoder's pictures follow: drop everything until its first keyframe."""
        self._pictures.clear()
        self._needs_keyframe = True

    async def take(self) -> Picture | None:
        """Return the next picture when there is one, None when the queue was closed."""
        while not self._pictures:
            if self._is_closed:
                return None
            self._is_filled.clear()
            await self._is_filled.wait()
        return self._pictures.popleft()

    def close(self) -> None:
        self._is_closed = True
        self._pictures.clear()
        self._is_filled.set()
