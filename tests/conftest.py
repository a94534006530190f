"""What several tests need."""

import os
from pathlib import Path

import aioice.ice
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real slides, clips and objects; tests that need it are skipped, and say so, when it is absent."""
    folder = Path(os.environ.get("EDGE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip(f"real data absent: {folder} (set EDGE_REAL_DATA)")
    return folder


@pytest.fixture
def here_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """WebRTC clients that are part of a test speak over loopback."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
