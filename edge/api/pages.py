"""The pages: one index.html for every page path, and its files."""

import re
from pathlib import Path

from aiohttp import web

from edge.api.route import Call, Door, Route
from edge.errors import NotFoundError

PAGE_PATHS = (
    "/", "/live/{id}", "/slides", "/slides/{id}", "/studies", "/studies/{id}", "/sync", "/admin", "/sign-in", "/join",
    "/shared",
)  # fmt: skip
_HASHED = re.compile(r"[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Edge node</title>
<h1>The pages are not built</h1><p>Run <code>make setup</code>, then start the node again.
The interface for programs works: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p></html>"""


def find_folder() -> Path | None:
    """Return where the built pages are: inside the package, else beside it in a clone; None when not built."""
    package = Path(__file__).resolve().parent
    for folder in (package / "static", package.parent.parent / "web" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    return None


def routes() -> list[Route]:
    """Pages and their files hold no data: anybody may load them."""
    pages = [
        Route(method="GET", path=path, name=f"page{path}", gate=Door.OPEN, answer=answer_page, summary="A page")
        for path in PAGE_PATHS
    ]
    files = Route(method="GET", path=r"/{file:.+\..+}", name="page.file", gate=Door.OPEN, answer=answer_file)
    return [*pages, files]


async def answer_page(call: Call) -> web.StreamResponse:
    folder = find_folder()
    if folder is None:
        return web.Response(text=_NOT_BUILT, content_type="text/html")
    return web.FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})


async def answer_file(call: Call) -> web.StreamResponse:
    """Send a file of the build; the ones whose name holds their hash never change.  Raises: NotFoundError."""
    folder = find_folder()
    path = folder / call.path("file") if folder is not None else None
    if folder is None or path is None or "\0" in str(path):
        raise NotFoundError("There is no such file.")
    real = path.resolve()
    if not real.is_relative_to(folder) or not real.is_file():
        raise NotFoundError("There is no such file.")
    is_hashed = real.parent.name == "assets" and _HASHED.search(real.name)
    caching = "public, max-age=31536000, immutable" if is_hashed else "no-cache"
    return web.FileResponse(real, headers={"Cache-Control": caching})
