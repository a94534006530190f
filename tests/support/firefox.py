"""Debian's Firefox, driven over WebDriver BiDi as it comes: no driver program, no patched build."""

import asyncio
import itertools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

UP_S = 40.0
ANSWER_S = 30.0
PREFERENCES = {
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": "",
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "extensions.update.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "remote.prefs.recommended": True,
}


class Firefox:
    """One browser with one page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._page = ""

    async def start(self) -> None:
        await self._say("session.new", capabilities={})
        tree = await self._say("browsingContext.getTree")
        self._page = tree["contexts"][0]["context"]

    async def go(self, url: str) -> None:
        await self._say("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def run(self, function: str, *values: Any) -> Any:
        """Call a function of the page, async or not, with JSON values; return what it returns, through JSON."""
        function = "\n".join(line for line in function.splitlines() if not line.startswith("//")).rstrip().rstrip(";")
        text = f"async (values) => JSON.stringify(await ({function})(...JSON.parse(values)) ?? null)"
        said = await self._say(
            "script.callFunction", functionDeclaration=text, awaitPromise=True, target={"context": self._page},
            arguments=[{"type": "string", "value": json.dumps(values)}],
        )  # fmt: skip
        assert said["type"] == "success", said.get("exceptionDetails", said)
        return json.loads(said["result"]["value"])

    async def _say(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            said = json.loads(await asyncio.wait_for(self._socket.receive_str(), ANSWER_S))
            if said.get("id") == number:
                assert said["type"] == "success", said
                return said["result"]


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """Yield a browser; the test is skipped, and says so, where there is none."""
    program = shutil.which("firefox-esr")
    if program is None:
        pytest.skip("firefox absent (Debian package firefox-esr)")
    with tempfile.TemporaryDirectory(prefix="edge-firefox-", ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        process = await asyncio.create_subprocess_exec(
            program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank",
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"HOME": profile, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert process.stderr is not None
        try:
            address = await asyncio.wait_for(_address(process.stderr), UP_S)
            drain = asyncio.create_task(process.stderr.read())
            async with aiohttp.ClientSession() as http, http.ws_connect(f"{address}/session", max_msg_size=0) as socket:
                browser = Firefox(socket)
                await browser.start()
                yield browser
            drain.cancel()
        finally:
            process.terminate()
            await process.wait()


async def _address(lines: asyncio.StreamReader) -> str:
    while line := await lines.readline():
        found = re.search(rb"WebDriver BiDi listening on (ws://\S+)", line)
        if found:
            return found[1].decode()
    raise AssertionError("Firefox has ended")
