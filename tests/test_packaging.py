"""What is shipped: a wheel carries every data file, and nothing that runs needs torch."""

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("linksim", "phy", "models")
COMMAND = "linksim_command.py"


def test_a_wheel_carries_every_module_and_every_data_file(tmp_path):
    ignored = shutil.ignore_patterns(
        "__pycache__", ".*", "weights"
    )  # training goes on from them, in the source
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in (COMMAND, "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    expected = {COMMAND} | {
        p.relative_to(tmp_path).as_posix() for n in PACKAGES for p in (tmp_path / n).rglob("*") if p.is_file()
    }
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    subprocess.run([sys.executable, *build], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "dist").glob("linksim_phy-*.whl")
    with ZipFile(wheel) as archive:
        assert expected == {name for name in archive.namelist() if ".dist-info/" not in name}
        (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "linksim = linksim_command:main" in archive.read(entry_points).decode()


def test_torch_is_asked_for_by_training_alone():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    assert "torch" not in setup["options"]["install_requires"]
    assert {name for name in extras if "torch" in extras[name]} == {"train"}


def test_the_two_onnx_runtimes_are_never_asked_for_together():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    assert {name for name in extras if "onnxruntime-gpu" in extras[name]} == {"gpu"}
    assert {name for name in extras if "onnxruntime>" in extras[name]} == {"cpu"}
