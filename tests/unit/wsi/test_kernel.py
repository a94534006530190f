"""The kernel's own calls: room taken at once, and nothing lost where the kernel lacks them."""

import errno
import os
from pathlib import Path

import pytest

from wsi import kernel


def test_reserved_room_is_the_files_size(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb") as file:
        kernel.reserve(file.fileno(), 1 << 20)
        assert os.fstat(file.fileno()).st_blocks * 512 >= 1 << 20


def test_more_room_than_there_is_is_an_error_before_a_byte_is_written(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb") as file:
        with pytest.raises(OSError) as caught:
            kernel.reserve(file.fileno(), 1 << 60)
        assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)


def test_where_nothing_can_be_reserved_writing_goes_on_without() -> None:
    with open("/dev/null", "wb", buffering=0) as file:
        kernel.reserve(file.fileno(), 1 << 20)
        assert file.write(b"slide") == 5


def test_writing_begun_early_changes_nothing_of_the_content(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb", buffering=0) as file:
        file.write(b"slide")
        kernel.begin_writing(file.fileno(), 0, 5)
    assert (tmp_path / "a").read_bytes() == b"slide"
