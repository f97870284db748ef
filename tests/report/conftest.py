"""A run for the tests of the report."""

from pathlib import Path

import pytest
from written_runs import trial, write_run


@pytest.fixture
def lossy(tmp_path) -> Path:
    """SNR 0 dB: 20 and 24 dB delivered, 10 dB in two outages; SNR 10 dB: 30 dB four times. Two images."""
    points = [{"snr_db": 0}, {"snr_db": 10}]
    low = [(0, 0, 20.0, False), (0, 1, 10.0, True), (1, 0, 24.0, False), (1, 1, 10.0, True)]
    rows = [
        trial(0, {"snr_db": 0.0}, image, n, psnr, outage=lost, eve_psnr_db=8.0, ms_ssim_db=4.0 + image + n)
        | ({"air.essential.mcs": "bpsk-1/2"} if (image, n) == (0, 0) else {})
        for image, n, psnr, lost in low
    ]
    rows += [
        trial(1, {"snr_db": 10.0}, image, n, 30.0, eve_psnr_db=9.0, ms_ssim_db=15.0)
        | {"air.essential.block_errors": 0}
        for image, n, *_ in low
    ]
    return write_run(tmp_path / "lossy", points, rows, eavesdropper=True)
