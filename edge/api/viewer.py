"""`/ohif/`: the OHIF viewer, where it is installed, under a policy of its own.

OHIF compiles functions at run time (its codecs and its microscopy viewer do), which our own pages may never do. It
moves from its list to its viewers without loading a page, so that the policy is the same for all of them.
"""

import json
from pathlib import Path

from aiohttp import web

from edge.api.route import Call, Door, Route
from edge.errors import NotFoundError

BASE = "/ohif/"
CACHE_S = 7 * 24 * 3600
"""A new version has new names, but our rewriting may change under an old one."""
CONFIG = Path(__file__).with_name("ohif-config.js")
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; media-src 'self' blob: data:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; frame-src 'self' blob:; object-src 'self' blob:; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".css": "text/css", ".json": "application/json"}


def routes() -> list[Route]:
    """The viewer holds no data: anybody may load it; what it shows it asks for with the cookie of who looks."""
    return [
        Route(method="GET", path="/ohif", name="viewer.root", gate=Door.OPEN, answer=answer_root, summary="The viewer"),
        Route(method="GET", path=BASE + "{file:.*}", name="viewer.file", gate=Door.OPEN, answer=answer_file,
              summary="The OHIF viewer, when it is installed"),
    ]  # fmt: skip


def installed_version(folder: Path) -> str | None:
    """Return the version of the viewer in a folder; None when there is none."""
    try:
        stamp = json.loads((folder / "installed.json").read_bytes())
        return str(stamp["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def answer_root(call: Call) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": BASE})


async def answer_file(call: Call) -> web.StreamResponse:
    """Send a file of the viewer; every other path is one of its pages.  Raises: NotFoundError."""
    folder = call.parts.config.viewer_dir
    name = call.path("file")
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    if not (folder / "index.html").is_file():
        raise NotFoundError("The OHIF viewer is not installed.", next_step="On the node, run `edge viewer install`.")
    if name == "app-config.js":
        return web.Response(body=CONFIG.read_bytes(), content_type="text/javascript", headers=headers)
    if "\0" in name:
        raise NotFoundError("There is no such file.")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise NotFoundError("There is no such file.")
    if not path.is_file():
        if "." in name.rpartition("/")[2]:
            raise NotFoundError("There is no such file.")
        path = folder / "index.html"
    if path.suffix in _TYPES:
        headers["Content-Type"] = _TYPES[path.suffix]
    if (".bundle." in path.name and path.suffix == ".js") or path.suffix in (".wasm", ".woff2"):
        headers["Cache-Control"] = f"public, max-age={CACHE_S}"
    return web.FileResponse(path, headers=headers)
