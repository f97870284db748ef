"""The command in this process, in a folder of its own."""

import pytest

from linksim.ber.request import code_digest
from linksim.cli import main


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """call(*words) -> (exit code, standard output, standard error) of `linksim`, run in tmp_path."""
    monkeypatch.chdir(tmp_path)
    code_digest.cache_clear()  # as a process of its own would see the sources

    def run(*words):
        monkeypatch.setattr("sys.argv", ["linksim", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        shown = capsys.readouterr()
        return left.value.code, shown.out, shown.err

    return run
