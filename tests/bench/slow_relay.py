"""A link with a rate and a delay, a process of its own: PORT TARGET_PORT BYTES_S ONE_WAY_S BUFFER_BYTES FILE.

Both ways have the delay, the way to the target has the rate; all its connections share it. What is on its way is held
here, at most BUFFER_BYTES a connection; then the sender waits. FILE says how many bytes have been put on the link.
"""

import asyncio
import sys
import time
from pathlib import Path


class Link:
    """The way to the target: a byte leaves when all before it have."""

    def __init__(self, rate_bytes_s: float) -> None:
        self._rate_bytes_s = rate_bytes_s
        self._free_s = 0.0
        self.taken_bytes = 0

    @property
    def passed_bytes(self) -> float:
        """What has been put on it by now."""
        return self.taken_bytes - max(0.0, self._free_s - time.monotonic()) * self._rate_bytes_s

    def leaves_s(self, size_bytes: int) -> float:
        """Return when so much has been put on the link."""
        self.taken_bytes += size_bytes
        self._free_s = max(self._free_s, time.monotonic()) + size_bytes / self._rate_bytes_s
        return self._free_s


async def move(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link | None, delay_s: float, buffer_bytes: int
) -> None:
    """Pass on what comes, late."""
    held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    room = asyncio.Semaphore(max(1, buffer_bytes // 4096))

    async def put_out() -> None:
        while True:
            due_s, data = await held.get()
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            room.release()
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    leaving = asyncio.create_task(put_out())
    try:
        while True:
            data = await reader.read(4096)
            left_s = link.leaves_s(len(data)) if link is not None else time.monotonic()
            await room.acquire()
            held.put_nowait((left_s + delay_s, data))
            if not data:
                break
        await leaving
    except ConnectionError:
        leaving.cancel()
        writer.close()


async def main() -> None:
    """Listen until killed."""
    port, target, rate_bytes_s, delay_s, buffer_bytes = (float(word) for word in sys.argv[1:6])
    link, count = Link(rate_bytes_s), Path(sys.argv[6])

    async def tell() -> None:
        while True:
            count.write_text(f"{time.time()} {link.passed_bytes}")
            await asyncio.sleep(0.05)

    telling = asyncio.create_task(tell())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(target))
        await asyncio.gather(
            move(reader, far_writer, link, delay_s, int(buffer_bytes)),
            move(far_reader, writer, None, delay_s, int(buffer_bytes)),
        )
        far_writer.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", int(port), limit=4096) as server:
        await asyncio.gather(server.serve_forever(), telling)


if __name__ == "__main__":
    asyncio.run(main())
