"""Who hears what."""

import asyncio

import av
import numpy as np

from edge.live.mixer import BLOCK_SAMPLES, INPUT_BLOCKS_MAX, Mixer, Voice, mix


def block(value: int) -> np.ndarray:
    return np.full(BLOCK_SAMPLES, value, np.int16)


def test_everybody_hears_the_sum_of_the_others() -> None:
    blocks = {"a": block(1), "b": block(10), "c": block(100)}
    assert [int(mix(blocks, name)[0]) for name in ("a", "b", "c", "listener")] == [110, 101, 11, 111]  # type: ignore[index]


def test_loud_voices_together_are_clipped_not_wrapped() -> None:
    assert int(mix({"a": block(30_000), "b": block(30_000)}, "c")[0]) == 32_767  # type: ignore[index]


def test_alone_is_silence() -> None:
    assert mix({"a": block(5)}, "a") is None
    assert mix({}, "a") is None


def test_samples_of_any_number_become_blocks_in_order() -> None:
    voice = Voice()
    samples = np.arange(3 * BLOCK_SAMPLES, dtype=np.int16)
    for start in range(0, len(samples), 441):
        voice.feed(samples[start : start + 441])
    got = [voice.take() for _ in range(3)]
    assert np.array_equal(np.concatenate(got), samples)  # type: ignore[arg-type]
    assert voice.take() is None


def test_a_voice_that_comes_too_fast_stays_short_of_delay() -> None:
    voice = Voice()
    for value in range(50):
        voice.feed(block(value))
    first = voice.take()
    assert first is not None and first[0] >= 50 - INPUT_BLOCKS_MAX
    waiting = 0
    while voice.take() is not None:
        waiting += 1
    assert waiting <= 3


def test_stereo_frames_are_heard_in_the_middle() -> None:
    voice = Voice()
    interleaved = np.tile(np.array([1000, 3000], np.int16), BLOCK_SAMPLES).reshape(1, -1)
    voice.feed_frame(av.AudioFrame.from_ndarray(interleaved, format="s16", layout="stereo"))
    heard = voice.take()
    assert heard is not None and set(heard.tolist()) == {2000}


async def test_a_voice_reaches_the_others_as_opus_and_never_its_owner() -> None:
    mixer = Mixer()
    tracks = {name: mixer.listen(name) for name in ("a", "b", "guest")}
    voices = {name: mixer.speak(name) for name in ("a", "b")}
    try:
        tone = (12_000 * np.sin(np.arange(4 * BLOCK_SAMPLES) * 0.05)).astype(np.int16)
        voices["a"].feed(tone)
        packets = [await asyncio.wait_for(tracks["b"].recv(), 1) for _ in range(3)]
        shared = await asyncio.wait_for(tracks["guest"].recv(), 1)
        decoder = av.CodecContext.create("libopus", "r")
        heard = [frame.to_ndarray() for packet in packets for frame in decoder.decode(packet)]  # type: ignore[attr-defined]
        assert max(np.abs(part.astype(np.float64)).max() for part in heard) > 0.1
        assert packets[1].pts - packets[0].pts == BLOCK_SAMPLES
        assert bytes(shared)
        assert not tracks["a"]._packets
    finally:
        for name in tracks:
            mixer.leave(name)
        await mixer.stop()
