"""The OHIF viewer out of its npm package: fetched, proven to be the one we know, stripped, moved to `/ohif/`, packed.

The package is built for the root of an origin of its own. Here it lives beside our pages, so every address that is
baked into it is rewritten, and its service worker, which would unregister all others of the origin, is left out.
"""

import gzip
import hashlib
import json
import re
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.errors import BadInputError, EdgeError, StorageFullError, UnreachableError

PACKAGE = "@ohif/app"
VERSION = "3.13.2"
INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
"""As the registry publishes it: whatever delivers the package, it is this one or none."""
BASE = "/ohif/"
ROOT = "package/dist/"
UNPACKED_BYTES_MAX = 400 * 2**20
FILE_COUNT_MAX = 2000
FETCH_S_MAX = 600.0
PACKED_SUFFIXES = frozenset({".js", ".css", ".html", ".json", ".svg", ".wasm", ".webmanifest"})
PACKED_BYTES_MIN = 1024
STAMP = "installed.json"

_DROPPED = re.compile(
    r"ort/|customizations/|assets/apple-touch-startup-image|.*\.map$"
    r"|(sw\.js|_headers|_redirects|serve\.json|silent-refresh\.html|google\.js|oidc-client\.min\.js|app-config\.js)$"
)
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STARTUP_IMAGE = re.compile(r'<link rel="apple-touch-startup-image"[^>]*>')


class PackageError(EdgeError):
    """What npm delivered is not the package this version knows."""

    code = "viewer.package"
    exit_code = 4
    next_step = "Take the package named by `edge viewer install --help`, from a source you trust."


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is on the disk after an installation."""

    version: str
    file_count: int
    size_bytes: int


def install(folder: Path, *, package: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Installed:
    """Put the viewer into `folder`, whole or not at all; what was there before is replaced.

    `package`: the file that `npm pack` makes, for a node without a network.
    Raises: UnreachableError (no npm, no network), PackageError, BadInputError, StorageFullError.
    """
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".ohif-", dir=folder.parent) as scratch:
            if package is None:
                say(f"Fetching {PACKAGE} {VERSION}")
                package = _fetch(Path(scratch))
            _prove(package)
            say("Unpacking")
            made = Path(scratch) / "ohif"
            with _explained(package):
                _unpack(package, made)
            _move_to_base(made)
            say("Compressing")
            _compress(made)
            installed = _stamp(made)
            _swap(made, folder)
    except OSError as error:
        raise StorageFullError(
            f"{folder} cannot be written: {error.strerror}.", next_step="Check the disk and who owns the folder."
        ) from error
    return installed


def look(folder: Path) -> Installed | None:
    """Return what is installed in a folder; None when nothing is."""
    try:
        return Installed(**json.loads((folder / STAMP).read_bytes()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def _fetch(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise UnreachableError(
            "npm is not installed here.",
            next_step=f"Install Node, or run `npm pack {PACKAGE}@{VERSION}` elsewhere and name the file with --from.",
        )
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_S_MAX, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"npm did not deliver {PACKAGE} within {FETCH_S_MAX:g} s.") from error
    found = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(found) != 1:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
        raise UnreachableError(
            f"npm could not deliver {PACKAGE} {VERSION}: {reason[:200]}.",
            next_step=f"Check the network, or run `npm pack {PACKAGE}@{VERSION}` elsewhere and use --from.",
        )
    return found[0]


def _prove(package: Path) -> None:
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if digest != b64decode(INTEGRITY.removeprefix("sha512-")):
        raise PackageError(f"{package.name} is not {PACKAGE} {VERSION}: its digest is another.")


@contextmanager
def _explained(package: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise BadInputError(f"{package.name} cannot be unpacked.") from error


def _unpack(package: Path, folder: Path) -> None:
    left_bytes, count = UNPACKED_BYTES_MAX, 0
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix(ROOT)
            if not member.isfile() or name == member.name or _DROPPED.match(name):
                continue
            left_bytes, count = left_bytes - member.size, count + 1
            if left_bytes < 0 or count > FILE_COUNT_MAX or ".." in Path(name).parts:
                raise PackageError(f"{package.name} holds more, or other, files than a viewer has.")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(member)
            assert source is not None, "a file has bytes"
            with source, path.open("xb") as out:
                shutil.copyfileobj(source, out)


def _move_to_base(folder: Path) -> None:
    """Rewrite what takes the root of the origin for its own.  Raises: PackageError when it is not found."""
    changes = 0
    for path in sorted(folder.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        moved = text.replace('__webpack_require__.p = "/"', f'__webpack_require__.p = "{BASE}"')
        moved = moved.replace("'/dicom-microscopy-viewer/", f"'{BASE}dicom-microscopy-viewer/")
        if moved != text:
            path.write_text(moved, encoding="utf-8")
            changes += 1
    for path in sorted(folder.glob("*.css")):
        path.write_text(path.read_text(encoding="utf-8").replace("url(/", f"url({BASE}"), encoding="utf-8")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('": "/', f'": "{BASE}'), encoding="utf-8")
    page = folder / "index.html"
    text = _STARTUP_IMAGE.sub("", page.read_text(encoding="utf-8"))
    text, inline = _move_scripts_out(re.sub(r'(href|src|content)="/(?!/)', rf'\1="{BASE}', text))
    if changes < 2 or "PUBLIC_URL" not in inline:
        raise PackageError("The package is not built as this version knows it.")
    page.write_text(text, encoding="utf-8")
    (folder / "boot.js").write_text(inline.replace('PUBLIC_URL="/"', f'PUBLIC_URL="{BASE}"'), encoding="utf-8")
    # Its own would unregister every service worker of the origin.
    (folder / "init-service-worker.js").write_text("", encoding="utf-8")


def _move_scripts_out(page: str) -> tuple[str, str]:
    """Replace inline scripts, which the page's policy forbids, by one file; return the page and the file."""
    inline = ";\n".join(_INLINE.findall(page))
    first, _, rest = _INLINE.sub("\0", page).partition("\0")
    return f'{first}<script src="{BASE}boot.js"></script>{rest}'.replace("\0", ""), inline


def _compress(folder: Path) -> None:
    """Put a .gz beside whatever gets smaller; the server chooses."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in PACKED_SUFFIXES and path.is_file() and path.stat().st_size >= PACKED_BYTES_MIN:
            data = path.read_bytes()
            packed = gzip.compress(data, compresslevel=8, mtime=0)
            if len(packed) < len(data) * 0.9:
                path.with_name(f"{path.name}.gz").write_bytes(packed)


def _stamp(folder: Path) -> Installed:
    files = [path for path in folder.rglob("*") if path.is_file()]
    size_bytes = sum(path.stat().st_size for path in files)
    installed = Installed(version=VERSION, file_count=len(files), size_bytes=size_bytes)
    stamp = {"version": VERSION, "file_count": len(files), "size_bytes": size_bytes}
    (folder / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    return installed


def _swap(made: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
    is_replaced = folder.exists()
    if is_replaced:
        if any(folder.iterdir()) and look(folder) is None:
            raise BadInputError(f"{folder} holds something else.", next_step="Name a new folder with --to.")
        folder.rename(old)
    made.rename(folder)
    if is_replaced:
        shutil.rmtree(old)
