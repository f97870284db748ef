"""The command: documented, light until it works, and one line with exit code 2 for what its user can mend."""

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from linksim.cli import LISTED, linksim, main
from linksim.listing import LISTS

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
HEAVY = {
    "tensorflow",
    "sionna",
    "torch",
    "onnxruntime",
    "pandas",
    "numpy",
    "scipy",
    "matplotlib",
    "pydantic",
    "skimage",
}


def call(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in argv])
    return left.value.code


def commands(group: click.Group = linksim, before: str = "") -> dict[str, click.Command]:
    """Every command by its words, those of groups too."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found[before + name] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{before}{name} ")
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_has_help(name):
    command = commands()[name]
    assert command.help
    assert command.get_short_help_str(limit=60)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom linksim.cli import main\n"
        f"try: main(['--help'])\nexcept SystemExit: print({HEAVY} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_readme_shows_the_help_as_it_is(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert call("--help") == 0
    block = re.search(r"```\n(Usage: linksim .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block
    assert block[1].rstrip() == capsys.readouterr().out.rstrip()


def test_every_option_of_the_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for name, command in commands().items():
        assert f"linksim {name}" in readme
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or parameter.opts[0] in readme, parameter.opts


@pytest.mark.parametrize("what", LISTED)
def test_what_a_scenario_can_name_is_listed(what, capsys):
    assert call("list", what) == 0
    head, rows = LISTS[what]()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(head[0])
    starts = [line.split("  ")[0].rstrip() for line in lines[1:] if not line.startswith(" ")]
    assert starts == [row[0] for row in rows]  # a long cell goes on below, indented


def test_what_a_codec_is_is_told_to_the_end_of_its_sentence(capsys):
    assert call("list", "codecs") == 0
    assert all(line.rstrip().endswith(".") for line in capsys.readouterr().out.splitlines()[1:])


def test_the_choices_of_list_are_the_lists():
    assert tuple(LISTS) == LISTED


def test_every_scenario_is_checked_though_one_is_wrong(tmp_path, capsys):
    good, wrong = ROOT / "scenarios" / "awgn_hda.yaml", tmp_path / "wrong.yaml"
    wrong.write_text(good.read_text().replace("seed:", "sead:"))
    assert call("validate", wrong, good) == 2
    captured = capsys.readouterr()
    assert "sead" in captured.err
    assert captured.out.startswith(f"{good}: fine")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
@pytest.mark.usefixtures("kodak")
def test_every_shipped_scenario_validates(path, capsys):
    assert call("validate", path) == 0
    assert "fine: " in capsys.readouterr().out


def test_the_schema_is_json(capsys):
    assert call("schema") == 0
    assert json.loads(capsys.readouterr().out)["properties"]["links"]


def test_the_schema_of_studies_is_json_too(capsys):
    assert call("schema", "--study") == 0
    assert json.loads(capsys.readouterr().out)["properties"]["scenarios"]


def test_a_job_script_is_printed_and_nothing_is_submitted(capsys):
    pytest.importorskip("dask_jobqueue")
    words = ("--cores", "4", "--memory", "8GB", "--threads", "2", "--option", "--partition=cpu")
    assert call("cluster", "slurm", *words, "--print", "tcp://head:8786") == 0
    script = capsys.readouterr().out
    assert "#SBATCH --partition=cpu" in script
    assert "tcp://head:8786" in script
    assert "--nworkers 2" in script


SCENARIO = """\
name: small
images: {folder: pictures}
codec: {kind: jpeg2000}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {kind: rician, k_factor: 1.0}
    engine: reference
    streams:
      picture: {kind: digital, mcs: qpsk-1/2}
snr_db: 10
seed: 1
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory with a scenario and one small picture."""
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(tmp_path / "pictures" / "grey.png")
    (tmp_path / "s.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG = {
    "an unknown key": ("seed: 1", "seeds: 1", "s.yaml:12: seeds: is not a field; did you mean 'seed'?"),
    "a negative K": ("k_factor: 1.0", "k_factor: -1", "s.yaml:7: links.air.channel.k_factor: must be >= 0"),
    "a rate that does not exist": (
        "qpsk-1/2",
        "qpsk-1/3",
        "s.yaml:10: links.air.streams.picture.mcs: must be one of",
    ),
    "an unreadable key": (
        "mcs: qpsk-1/2",
        "mcs: qpsk-1/2, cipher: {kind: aes-gcm, key: {file: no.key}}",
        "s.yaml:10: links.air.streams.picture.cipher.key.file: must be readable, got 'no.key'",
    ),
    "a folder that is not there": ("folder: pictures", "folder: nowhere", "s.yaml:2: images.folder: "),
    "an unknown set": ("folder: pictures", "set: nowhere", "s.yaml:2: images.set: "),
    "a code that its engine lacks": (
        "engine: reference\n    streams:\n      picture: {kind: digital, mcs: qpsk-1/2}",
        "engine: native\n    streams:\n      picture: {kind: digital, mcs: qpsk/conv}",
        "s.yaml:8: links.air.engine: must be reference or sionna for viterbi of 'conv', got 'native'",
    ),
    "a decoder that its engine lacks": (
        "engine: reference\n    streams:\n      picture: {kind: digital, mcs: qpsk-1/2}",
        "engine: native\n    streams:\n      picture: {kind: digital, mcs: qpsk-1/2, "
        "decoder: {algorithm: offset-min-sum, quantisation: {}}}",
        "s.yaml:8: links.air.engine: decoder: the native engine's words are of 8 bits, schedule layered",
    ),
    "a frame without room": ("1/6", "1/6000", "s.yaml: links.air.streams.picture: must hold a payload"),
}


@pytest.mark.parametrize(("old", "new", "told"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("command", ["run", "show", "validate"])
def test_wrong_input_is_one_line_and_exit_code_2_and_leaves_nothing(folder, capsys, command, old, new, told):
    assert old in SCENARIO
    (folder / "s.yaml").write_text(SCENARIO.replace(old, new, 1))
    assert call(command, "s.yaml") == 2
    out, err = capsys.readouterr()
    assert err.startswith(told)
    assert err.count("\n") == 1
    assert out == ""
    assert not (folder / "runs").exists()


def test_an_empty_folder_is_one_line(folder, capsys):
    (folder / "pictures" / "grey.png").unlink()
    assert call("run", "s.yaml") == 2
    err = capsys.readouterr().err
    assert err.startswith("s.yaml:2: images.folder: ")
    assert err.count("\n") == 1
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--dask", "tcp://127.0.0.1:9", "--workers", "2"), "--dask: must stand without --workers; leave"),
        (("--dask", "tcp://127.0.0.1:9", "--threads", "2"), "--dask: must stand without --threads; leave"),
        (("--dask", "nowhere"), "Dask scheduler at nowhere: must answer"),
        (("--workers", "0"), "Invalid value for '--workers': 0 is not in the range x>=1."),
    ],
)
def test_a_crew_that_cannot_be_is_one_line_and_leaves_nothing(folder, capsys, options, told):
    assert call("run", "s.yaml", *options) == 2
    err = capsys.readouterr().err
    assert err.startswith(told)
    assert err.count("\n") == 1
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("table", "nowhere"), "nowhere: must be the folder of a run"),
        (("compare", "nowhere", "there"), "nowhere: must be the folder of a run"),
        (("report", "nowhere"), "nowhere: must be the folder of a run"),
        (("report", "nowhere", "--out", "page.pdf"), "--out: must end in .html, got 'page.pdf'"),
        (("plot", "nowhere"), "nowhere: must be the folder of a run"),
    ],
)
def test_a_folder_that_is_no_run_is_one_line_and_leaves_nothing(folder, capsys, words, told):
    before = sorted(folder.rglob("*"))
    assert call(*words) == 2
    out, err = capsys.readouterr()
    assert err.startswith(told)
    assert (err.count("\n"), out) == (1, "")
    assert sorted(folder.rglob("*")) == before


def test_an_empty_place_is_not_the_working_directory(folder, capsys):
    before = sorted(folder.rglob("*"))
    assert call("run", "s.yaml", "--out", "") == 2
    told = "Invalid value for '--out': must name a place, got nothing; write . for the working directory\n"
    assert capsys.readouterr().err == told
    assert sorted(folder.rglob("*")) == before


def test_a_folder_behind_closed_doors_is_one_line(folder, capsys, monkeypatch):
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", closed)
    assert call("run", "s.yaml") == 2
    told = "pictures: must be open to you, got 'Permission denied'; check its permissions\n"
    assert capsys.readouterr().err == told


def test_a_picture_that_is_none_is_one_line_that_names_it(folder, capsys):
    (folder / "pictures" / "text.png").write_text("not a picture")
    assert call("run", "s.yaml") == 2
    err = capsys.readouterr().err
    assert "text.png" in err
    assert err.count("\n") == 1
    assert not (folder / "runs").exists()


def test_a_command_that_is_none_suggests_one(capsys):
    assert call("lisst", "codes") == 2
    assert capsys.readouterr().err == "No such command 'lisst'. Did you mean 'list'?\n"


def test_a_run_leaves_results_and_the_second_computes_nothing(folder, capsys):
    assert call("run", "s.yaml", "--out", "here") == 0
    first = {path: path.read_bytes() for path in Path("here").rglob("*.parquet")}
    assert first
    assert call("run", "s.yaml", "--out", "here") == 0
    assert {path: path.read_bytes() for path in Path("here").rglob("*.parquet")} == first
    assert Path("here/manifest.json").exists()


def test_ctrl_c_is_one_line_and_exit_code_130(folder, capsys, monkeypatch):
    import linksim.live

    def interrupted(plan, folder, crew, as_json):
        raise KeyboardInterrupt

    monkeypatch.setattr(linksim.live, "run_live", interrupted)
    assert call("run", "s.yaml") == 130
    assert (
        capsys.readouterr().err.strip()
        == "Stopped. runs/small keeps what is done; the same command goes on from there."
    )


def test_a_lack_of_memory_is_one_line(capsys, monkeypatch):
    def greedy(request):
        raise MemoryError("Unable to allocate 477. GiB")

    monkeypatch.setattr("linksim.ber.command.run", greedy)
    assert call("ber", "--code", "uncoded", "--ebn0", "1") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "memory" in told
    assert "477. GiB" in told
