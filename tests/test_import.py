"""`phy` and `models` are common names: a stranger's package is refused, in one line, by whose it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def import_linksim(first_on_path: Path) -> subprocess.CompletedProcess:
    env = os.environ | {"PYTHONPATH": str(first_on_path)}
    return subprocess.run(
        [sys.executable, "-c", "import linksim"],
        env=env,
        cwd=first_on_path,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_our_own_packages_are_found(tmp_path):
    assert import_linksim(tmp_path).returncode == 0


def test_the_command_beside_a_foreign_package_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "phy").mkdir()
    (tmp_path / "phy" / "__init__.py").write_text("raise SystemExit('a stranger ran')")
    command = Path(sys.executable).with_name("linksim")
    done = subprocess.run(
        [command, "--version"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"linksim: 'phy' is {tmp_path / 'phy'}, not linksim's own; take {tmp_path} off"
    )
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["phy", "models"])
def test_a_foreign_package_is_named_with_its_place(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('a stranger ran')")
    done = import_linksim(tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        f"ImportError: linksim: '{name}' is {tmp_path / name}, not linksim's own; take {tmp_path} off"
    )


def test_a_foreign_package_is_named_with_its_distribution(tmp_path):
    (tmp_path / "phy.py").write_text("")
    info = tmp_path / "otherphy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: otherphy\nVersion: 1.0\n")
    (info / "RECORD").write_text("phy.py,,\n")
    last = import_linksim(tmp_path).stderr.strip().splitlines()[-1]
    assert f"'phy' is {tmp_path / 'phy.py'}, of the distribution otherphy, not linksim's own" in last
