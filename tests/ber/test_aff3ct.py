"""AFF3CT's format, read as its description has it: by a reader that knows nothing of the writer."""

import json
import re

import pytest

COUNT = re.compile(r"\d{1,8}|\d\.\d\de\+\d\d")


def read_trace(text: str) -> tuple[dict[str, str], dict[str, str], list[dict[str, str]]]:
    """Metadata, parameters and table of a trace: cells by the names of the legend, split at | and ||."""
    head, trace = text.split("[trace]\n")
    assert head.startswith("[metadata]\n")
    metadata = dict(line.split("=", 1) for line in head.splitlines()[1:] if line)
    lines = trace.splitlines()
    parameters = dict(
        re.fullmatch(r"#    \*\* (.+?) += (.*)", line).groups()
        for line in lines
        if line.startswith("#    **")
    )
    names, table = None, []
    for line in lines:
        if line.startswith("#"):
            if "FRA |" in line:
                names = [cell.strip() for cell in line[1:].replace("||", "|").split("|")]
        elif line:
            assert names, "the legend comes first"
            cells = [cell.strip() for cell in line.replace("||", "|").split("|")]
            table.append(dict(zip(names, cells, strict=True)))
    assert lines[-1] == "# End of the simulation."
    assert "# The simulation is running..." in lines
    return metadata, parameters, table


def test_a_trace_tells_the_same_as_the_rows(call, tmp_path):
    words = ("ber", "--code", "802.11ad-3/4", "--constellation", "16qam", "--ebn0", "3,4,9")
    _, out, _ = call(*words, "--frame-errors", 20, "--frames", 300, "--aff3ct", "curve.txt", "--json")
    rows = json.loads(out)["rows"]
    metadata, parameters, table = read_trace((tmp_path / "curve.txt").read_text())
    assert metadata["command"].startswith("linksim ber")
    assert (parameters["Info. bits (K)"], parameters["Codeword size (N_cw)"]) == ("504", "672")
    assert parameters["Code rate"] == "0.75 (504/672)"
    assert parameters["Bits per symbol"] == "4"
    assert len(table) == len(rows) == 3
    for cells, row in zip(table, rows, strict=True):
        assert list(cells) == [
            *("Es/N0", "Eb/N0", "FRA", "BE", "FE", "BER", "FER"),
            *("SIM_THR", "ET/RT"),
        ]
        assert float(cells["Eb/N0"]) == row["ebn0_db"]
        assert float(cells["Es/N0"]) == pytest.approx(row["esn0_db"], abs=0.005)
        counts = [cells[name] for name in ("FRA", "BE", "FE")]
        assert all(COUNT.fullmatch(cell) for cell in counts)
        assert [int(cell) for cell in counts] == [row["frames"], row["bit_errors"], row["frame_errors"]]
        assert float(cells["FER"]) == pytest.approx(row["bler"], rel=0.01)
        assert float(cells["BER"]) == pytest.approx(row["ber"], rel=0.01)
        assert cells["ET/RT"].endswith("x") == (row["stopped"] != "errors")
        assert re.match(r"\d\dh\d\d'\d\d", cells["ET/RT"])


def test_several_curves_are_several_files(call, tmp_path):
    words = ("ber", "--code", "802.11ad-3/4", "--code", "802.11ad-1/2", "--ebn0", "9", "--frames", 64)
    code, out, _ = call(*words, "--aff3ct", "curves.txt")
    assert code == 0
    files = sorted(tmp_path.glob("curves*.txt"))
    assert [path.name for path in files] == ["curves.1.txt", "curves.2.txt"]
    assert all(path.name in out for path in files)
    titles = [read_trace(path.read_text())[0]["title"].split()[0] for path in files]
    assert titles == ["802.11ad-3/4", "802.11ad-1/2"]
