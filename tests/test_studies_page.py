"""The page from scenario to cluster does what it says: its commands are run, one after another."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("distributed", reason="the page's cluster needs the extra dask")

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / "studies.md").read_text(), re.DOTALL)


def numbers(folder: Path) -> pd.DataFrame:
    rows = pd.read_parquet(folder / "trials.parquet")
    return rows.drop(columns=[name for name in rows if name.startswith("seconds.")])


def test_the_commands_of_the_page_run_in_order_and_leave_what_it_promises(tmp_path):
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "\n".join(COMMANDS)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    runs = tmp_path / "runs"
    assert len(numbers(runs / "one")) == 4
    assert len(numbers(runs / "study")) == 3 * 3 * 2 * 3
    sizes = numbers(runs / "stopped").groupby("point").size()
    assert len(sizes) == 6
    assert sizes.between(20, 39).all()
    grown, dask = numbers(runs / "study"), numbers(runs / "dask")
    same = grown[grown["trial"].eq(0) & grown["snr_db"].isin(dask["snr_db"])].reset_index(drop=True)
    outcome = ["system", "snr_db", "image", "psnr_db", "block_errors", "n_uses"]
    pd.testing.assert_frame_equal(same[outcome], dask[outcome])
    for name in ("study.md", "study.pdf", "study.html", "adaptive.png", "pictures.png"):
        assert (runs / name).stat().st_size > 100, name
    for told in ("draws are paired", "#SBATCH --partition=cpu", "tcp://login:8790", "beats"):
        assert told in done.stdout, told
