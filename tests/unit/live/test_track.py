"""What waits for one viewer."""

import asyncio

from edge.live.picture import Picture
from edge.live.track import PICTURE_COUNT_MAX, PictureQueue


def picture(index: int, *, is_keyframe: bool = False) -> Picture:
    return Picture(payloads=(b"x",), ticks=index * 3000, frame_index=index, mono_ns=0, is_keyframe=is_keyframe)


async def taken(queue: PictureQueue, count: int) -> list[int]:
    return [(await queue.take()).frame_index for _ in range(count)]  # type: ignore[union-attr]


async def test_nothing_is_shown_before_the_first_keyframe() -> None:
    queue = PictureQueue()
    assert queue.offer(picture(0))
    queue.offer(picture(1, is_keyframe=True))
    queue.offer(picture(2))
    assert await taken(queue, 2) == [1, 2]


async def test_a_viewer_that_falls_behind_skips_to_the_next_keyframe() -> None:
    queue = PictureQueue()
    queue.offer(picture(0, is_keyframe=True))
    for index in range(1, PICTURE_COUNT_MAX):
        assert queue.offer(picture(index))
    assert not queue.offer(picture(PICTURE_COUNT_MAX)), "a keyframe is asked for once"
    assert queue.offer(picture(PICTURE_COUNT_MAX + 1)), "and not again while it is awaited"
    queue.offer(picture(99, is_keyframe=True))
    assert await taken(queue, 1) == [99]
    assert queue.dropped_count == PICTURE_COUNT_MAX


async def test_pictures_of_another_encoder_are_dropped_until_its_keyframe() -> None:
    queue = PictureQueue()
    queue.offer(picture(0, is_keyframe=True))
    queue.await_keyframe()
    queue.offer(picture(1))
    queue.offer(picture(2, is_keyframe=True))
    assert await taken(queue, 1) == [2]


async def test_closing_wakes_whoever_waits() -> None:
    queue = PictureQueue()
    waiting = asyncio.ensure_future(queue.take())
    await asyncio.sleep(0)
    queue.close()
    assert await waiting is None
