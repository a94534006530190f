"""A machine of its own whose only way out leads nowhere and is listened to.

    unshare --net python -m tests.support.silence FOLDER     prints, as JSON, what was sent out of the machine

In it: a relay, a node that knows it, somebody who watches with an offer full of names and strange addresses, somebody
who sends a picture. At last one packet is sent on purpose, which proves that the ear hears.
"""

import asyncio
import json
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.support.coturn import coturn
from tests.support.exam import invite, open_exam, playing_node, probe
from tests.support.node import Node, wait_until
from tests.support.whip import FRAGMENT, Sender, Watcher, ask

PURPOSE = "203.0.113.9"
NAMED = "198.51.100.7"
"""Given in an offer: to this one ICE has to send its checks."""
_SET_UP = """
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
ip link add out0 type veth peer name ear0
ip addr add 10.77.0.1/24 dev out0
ip link set out0 up
ip link set ear0 up
ip neigh add 10.77.0.254 lladdr 02:00:00:00:00:01 dev out0
ip route add default via 10.77.0.254
"""


class Ear:
    """Hears every packet that leaves."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.bind(("ear0", 0))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            frame = self._socket.recv(2048)
            (kind,) = struct.unpack_from("!H", frame, 12)
            match kind:
                case 0x0800:
                    self.heard.add(socket.inet_ntoa(frame[30:34]))
                case 0x0806:
                    self.heard.add("arp " + socket.inet_ntoa(frame[38:42]))
                case _:
                    self.heard.add(f"kind {kind:04x}")


def strange(sdp: str) -> str:
    """Add to an offer what must not be asked after, and one address that may be."""
    lines = [
        "a=candidate:7 1 udp 2113937151 0f3a-77.local 50001 typ host",
        "a=candidate:8 1 udp 2113937151 viewer.example.com 50001 typ host",
        f"a=candidate:9 1 udp 2113937151 {NAMED} 50001 typ host",
    ]
    return re.sub(r"(a=mid:0\r\n)", r"\1" + "\r\n".join(lines) + "\r\n", sdp, count=1)


async def use(node: Node, exam: dict[str, Any], camera: dict[str, Any]) -> None:
    async with Watcher(exam["whep_url"], exam["token"], video_count=2) as watcher:
        reply = await watcher.join(change_offer=strange)
        late = "a=candidate:7 1 udp 1 late.example.com 50001 typ host\r\na=end-of-candidates\r\n"
        place = node.url + reply.headers["Location"]
        sent = await ask("PATCH", place, exam["token"], late, Content_Type=FRAGMENT, If_Match=reply.headers["ETag"])
        assert sent.status == 204, sent.text
        await watcher.see(10)
        async with Sender(camera["whip_url"], camera["token"]):
            await watcher.see(5, track=1)


def main(folder: Path) -> None:
    for line in _SET_UP.strip().splitlines():
        subprocess.run(line.split(), check=True)
    ear = Ear()
    with (
        coturn() as relay,
        playing_node(folder, f"{probe(fps=25.0)}[live]\n{relay.config}") as node,
        open_exam(node) as exam,
    ):
        asyncio.run(use(node, exam, invite(node, exam, "camera")))
        was_relayed = "ALLOCATE" in relay.log_text()
    said = sorted(ear.heard)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"heard?", (PURPOSE, 9))
    wait_until(lambda: PURPOSE in ear.heard, timeout_s=5, what="the ear hears")
    print(json.dumps({"heard": said, "was_relayed": was_relayed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
