"""One encoded picture, packed once for every viewer."""

from dataclasses import dataclass

RTP_CLOCK_HZ = 90_000
RTP_MODULUS = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the encoder made of one frame; shared by all viewers, changed by none."""

    payloads: tuple[bytes, ...]
    """RTP payloads in sending order."""
    ticks: int
    """Hub time, 90 kHz; never wraps, always rises. A sender adds its own offset, modulo 2^32."""
    frame_index: int
    """The ring's."""
    mono_ns: int
    """When the frame was captured."""
    is_keyframe: bool

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.payloads))


def ticks_of(mono_ns: int) -> int:
    """Return the 90 kHz time of a monotonic time."""
    return mono_ns * 9 // 100_000


def ticks_after(candidate: int, previous: int | None) -> int:
    """Return `candidate`, or one tick after `previous` when it does not come later: no two pictures share a time."""
    return candidate if previous is None else max(candidate, previous + 1)
