import errno
import os
import stat
import subprocess
import sys

import pytest

from sklearn_cnn.utils._files import check_path, replacing


def test_what_is_written_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_and_nothing_else(tmp_path, error):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        with replacing(path) as file:
            file.write(b"half")
            raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


def test_a_full_disk_is_said_once_with_a_remedy(tmp_path):
    with pytest.raises(OSError, match=r"No space left.*as it was.*nothing in memory"):
        with replacing(tmp_path / "model") as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert os.listdir(tmp_path) == []


def test_a_limit_of_the_system_is_met_by_real_writes(tmp_path):
    code = """
import os, resource, signal, sys
from sklearn_cnn.utils._files import replacing
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    with replacing(sys.argv[1]) as file:
        file.write(bytes(100_000))
except OSError as error:
    assert "could not be written (File too large)" in str(error), error
else:
    sys.exit("no error")
"""
    pytest.importorskip("resource")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model")], check=True)
    assert os.listdir(tmp_path) == []


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="directory that exists"):
        with replacing(tmp_path / "no" / "model"):
            pass


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_directory_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="may be written to"):
            with replacing(tmp_path / "model"):
                pass
    finally:
        tmp_path.chmod(0o700)


def test_the_mode_and_the_link_stay(tmp_path):
    path, link = tmp_path / "model", tmp_path / "latest"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink() and path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_paths_that_name_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a directory"):
        check_path(tmp_path)
    for empty in ("", "a\0b"):
        with pytest.raises(ValueError, match="names no file"):
            check_path(empty)
    with pytest.raises(TypeError, match="path=3 must be the path of a file"):
        check_path(3)
