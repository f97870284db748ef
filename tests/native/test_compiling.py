"""Where compiled kernels are kept."""

import numpy as np

from phy.native import compiling
from phy.native.compiling import cache_folder, compiled


def test_a_cache_folder_is_the_users_or_a_temporary_one(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert cache_folder().parent == tmp_path / "mine" / "linksim"
    (tmp_path / "file").write_text("no folder can be made in a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(compiling.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    assert cache_folder().parent.parent == tmp_path / "tmp"
    monkeypatch.setattr(compiling.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    assert cache_folder() is None
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"


def test_a_folder_that_others_may_write_to_is_not_trusted(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    open_to_all = tmp_path / "linksim"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert cache_folder().parent != open_to_all


def test_without_a_folder_kernels_are_compiled_all_the_same(monkeypatch):
    monkeypatch.setattr(compiling, "_CACHE", None)

    def twice(x):
        return 2 * x

    assert np.array_equal(compiled(twice)(np.arange(3)), [0, 2, 4])
