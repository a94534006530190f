"""The sender of the receive benchmark, a process of its own: PORT COUNT BYTES ASSOCIATIONS FIRST → seconds it took."""

import sys
import threading
import time

from tests.support.objects import make_dataset
from tests.support.sender import Item, Sender, item_of, message

_FIRST_UID = "1.2.826.0.1.3680043.10.9999.100000000"


def items(count: int, size_bytes: int, first: int) -> list[Item]:
    """Return objects that differ in their UIDs only, a series each hundred."""
    side = int(size_bytes**0.5)
    ds = make_dataset(rows=side, columns=side, SOPInstanceUID=_FIRST_UID)
    base = item_of(ds)
    made = []
    for number in range(first, first + count):
        uid = str(int(_FIRST_UID.rpartition(".")[2]) + number)
        uid = _FIRST_UID.rpartition(".")[0] + "." + uid
        head = base.dataset[:4096].replace(_FIRST_UID.encode(), uid.encode())
        made.append(Item(sop_instance_uid=uid, dataset=head + base.dataset[4096:]))
    return made


def _send(port: int, mine: list[Item], gate: threading.Barrier, failed: list[object]) -> None:
    # Every byte is ready before the clock runs: it is the receiver that is measured.
    messages = [(item.sop_instance_uid, b"".join(message(number, item))) for number, item in enumerate(mine)]
    mine.clear()
    with Sender(port) as sender:
        sender.associate()
        gate.wait()
        for uid, data in messages:
            sender.socket.sendall(data)
            if status := sender.status():
                failed.append((uid, status))
        sender.release()


def main() -> None:
    """Send, and say how long it took."""
    port, count, size_bytes, associations, first = (int(word) for word in sys.argv[1:6])
    each = count // associations
    gate, failed = threading.Barrier(associations + 1), []
    threads = [
        threading.Thread(target=_send, args=[port, items(each, size_bytes, first + index * each), gate, failed])
        for index in range(associations)
    ]
    for thread in threads:
        thread.start()
    gate.wait()
    begun_s = time.perf_counter()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    print(time.perf_counter() - begun_s)


if __name__ == "__main__":
    main()
