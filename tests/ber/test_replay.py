"""`linksim replay`: a failed frame fails again, and its stages add up."""

import json
import re

import pytest

WORDS = ("--code", "802.11ad-1/2", "--constellation", "qpsk")


def test_a_failed_frame_of_a_run_fails_again_with_the_same_bits(call, tmp_path):
    _, out, _ = call("ber", *WORDS, "--ebn0", "0.5,1.5", "--frame-errors", 10, "--out", "here", "--json")
    (_, row) = json.loads(out)["rows"]
    code, told, err = call("replay", "here")
    assert (code, err) == (0, "")
    assert f"frame {row['failed'][0]} at Es/N0 1.50 dB" in told
    assert "information bits wrong, detected" in told
    total = 0
    for frame in row["failed"]:
        _, told, _ = call("replay", "here", "--frame", frame, "--ebn0", 1.5)
        (wrong,) = re.findall(r"outcome +(\d+) of 336 information bits wrong", told)
        total += int(wrong)
    assert len(row["failed"]) == row["frame_errors"]
    assert total == row["bit_errors"]


def test_the_decoder_s_steps_go_from_the_hard_decisions_to_the_outcome(call):
    _, told, _ = call("replay", *WORDS, "--esn0", 2, "--frame", 3)
    wrong = int(re.search(r"(\d+) of 672 code bits wrong by hard decision", told)[1])
    steps = [
        tuple(map(int, row)) for row in re.findall(r"^ +(\d+) +(\d+) +(\d+) +(\d+)$", told, re.MULTILINE)
    ]
    assert [step[0] for step in steps] == list(range(len(steps)))
    assert steps[0][2] == wrong
    assert steps[0][1] > 0
    assert steps[-1][1:] == (0, 0, 0)
    assert "all 336 information bits right" in told
    assert "|h|^2 1 on average" in told


def test_other_codes_have_no_checks_to_tell_of(call):
    code, told, _ = call(
        "replay", "--code", "repetition:n=3,k=8", "--channel", "rayleigh", "--esn0", -10, "--frame", 1
    )
    assert code == 0
    assert "iteration" not in told
    assert "information bits" in told


def test_a_folder_whose_code_file_changed_is_refused(call, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"lifting": 4, "prototype": [[1, 2, 0, -1], [0, 3, 1, 0]]}')
    words = ("--code", f"qc:{path}", "--esn0", -3, "--frame-errors", 3, "--out", "mine")
    assert call("ber", *words)[0] == 0
    assert call("replay", "mine")[0] == 0
    path.write_text('{"lifting": 4, "prototype": [[1, 3, 0, -1], [0, 2, 1, 0]]}')
    code, _, err = call("replay", "mine")
    assert code == 2
    assert "files it names held something else; put them back" in err


def test_a_folder_of_other_code_is_refused(call, tmp_path):
    call("ber", *WORDS, "--ebn0", "1", "--frames", 64, "--out", "here")
    (about,) = (tmp_path / "here").glob("*/curve.json")
    about.write_text(about.read_text().replace('"code": "', '"code": "0', 2))
    code, _, err = call("replay", "here")
    assert code == 2
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "must hold one curve"),
        ((*WORDS, "--frame", 1), "--esn0: is missing"),
        ((*WORDS, "--esn0", 1), "--frame: is missing"),
        ((*WORDS, "--esn0", 1, "--ebn0", 1, "--frame", 1), "takes --ebn0 or --esn0"),
        ((*WORDS, "--esn0", "nan", "--frame", 1), "--esn0: must lie"),
        ((*WORDS, "--esn0", 1, "--frame", -1), "--frame"),
        ((*WORDS, "--esn0", 1, "--frame", 2**70), "--frame"),
        ((*WORDS, "--code", "802.11ad-3/4", "--esn0", 1, "--frame", 1), "must name one chain"),
        (("here", *WORDS), "takes a folder or --code"),
    ],
)
def test_what_names_no_frame_is_one_line(call, words, told):
    code, out, err = call("replay", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
