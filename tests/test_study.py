"""A study file is several scenarios under one sweep: one plan, strict, every fault with its line."""

import json
from pathlib import Path

import pytest

from linksim import identity
from linksim.errors import LinksimError, ScenarioError
from linksim.plan import expand
from linksim.scenario import resolved
from linksim.study import plan_of, schema

ROOT = Path(__file__).resolve().parent.parent
SCENARIO = """\
name: one
images: {set: sample}
codec: {kind: jpeg2000}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {kind: rician, k_factor: 1.0}
    engine: native
    streams:
      picture: {kind: digital, mcs: qpsk-1/2}
sweep: {links.air.channel.k_factor: [1, 2, 3]}
trials: {per_image: 8}
seed: 1
"""
STUDY = """\
name: both
scenarios:
  adaptive: {file: one.yaml, set: {links.air.streams.picture.mcs: {amc: hda, csit: true}}}
  QPSK fixed: parts/other.yaml
set: {seed: 5, trials.per_image: 4}
sweep:
  snr_db: 0:10:5
zip:
  links.air.bandwidth_ratio: [1/6, 1/12]
  links.air.channel.k_factor: [1, 10]
"""


@pytest.fixture
def write(tmp_path):
    """Writes a study beside its two scenarios, and gives its path."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "one.yaml").write_text(SCENARIO)
    (tmp_path / "parts" / "other.yaml").write_text(SCENARIO.replace("name: one", "name: other"))

    def written(text: str = STUDY) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return path

    return written


def test_a_study_is_a_plan_of_its_systems_over_the_grid_and_the_zip(write):
    plan = plan_of(write())
    ratio, k_factor = "links.air.bandwidth_ratio", "links.air.channel.k_factor"
    assert (plan.name, plan.fields) == ("both", ("system", "snr_db", ratio, k_factor))
    assert [tuple(point.values.values()) for point in plan.points] == [
        (system, snr_db, *row)
        for system in ("adaptive", "QPSK fixed")
        for snr_db in (0, 5, 10)
        for row in (("1/6", 1), ("1/12", 10))
    ]
    assert [point.index for point in plan.points] == list(range(12))
    for point in plan.points:
        link = point.scenario.links["air"]
        assert (point.scenario.seed, point.scenario.trials.per_image) == (5, 4)
        assert (point.scenario.sweep, point.scenario.zip) == ({}, {})
        assert float(link.bandwidth_ratio) == pytest.approx(1 / 6 if link.channel.k_factor == 1 else 1 / 12)
        assert (link.streams["picture"].mcs == "qpsk-1/2") == (point.system == "QPSK fixed")
    assert plan.trials(n_images=3) == 12 * 3 * 4
    assert plan.trials({"adaptive": 1, "QPSK fixed": 2}) == 6 * 3 * 4


def test_a_study_without_a_sweep_keeps_that_of_its_scenarios(write):
    plan = plan_of(write("name: s\nscenarios:\n  a: one.yaml\n  b: {file: one.yaml, set: {seed: 2}}\n"))
    assert [point.values["links.air.channel.k_factor"] for point in plan.points] == [1, 2, 3, 1, 2, 3]


def test_a_system_has_fields_and_sweeps_of_its_own(write):
    own = "a: {file: one.yaml, set: {seed: 2}, sweep: {links.air.channel.k_factor: 4:6:1}}"
    plan = plan_of(
        write(f"name: s\nscenarios:\n  {own}\n  b: one.yaml\nset: {{seed: 3}}\nsweep: {{snr_db: [1]}}\n")
    )
    assert [list(point.values.values()) for point in plan.points] == [
        ["a", 1, 4], ["a", 1, 5], ["a", 1, 6], ["b", 1],
    ]  # fmt: skip
    assert [point.scenario.seed for point in plan.points] == [2, 2, 2, 3]


def test_setting_a_field_ends_its_part_of_a_sweep_or_zip(write):
    path, ratio = write(), "links.air.bandwidth_ratio"
    plan = plan_of(path, sets=[f"{ratio}=1/4", "snr_db=7"])
    assert plan.fields == ("system", "links.air.channel.k_factor")
    assert {float(point.scenario.links["air"].bandwidth_ratio) for point in plan.points} == {0.25}


def test_options_apply_to_every_system(write):
    plan = plan_of(write(), sweeps=["snr_db=3,4"], seed=11, quick=True)
    assert plan.name == "both-quick"
    assert [list(point.values.values()) for point in plan.points] == [
        [system, snr_db, "1/6", 1] for system in ("adaptive", "QPSK fixed") for snr_db in (3, 4)
    ]
    assert {(point.scenario.seed, point.scenario.images.limit) for point in plan.points} == {(11, 2)}


def test_quick_takes_the_ends_of_a_zip_that_is_alone(write):
    path = write(STUDY.replace("sweep:\n  snr_db: 0:10:5\n", ""))
    plan = plan_of(path, quick=True)
    assert [point.values["links.air.channel.k_factor"] for point in plan.points] == [1, 10, 1, 10]


def test_a_study_of_one_system_and_a_scenario_are_plans_of_one_system(write, tmp_path):
    alone = plan_of(write("name: s\nscenarios: {a: one.yaml}\n"))
    plain = plan_of(tmp_path / "one.yaml")
    assert alone.fields == plain.fields == ("links.air.channel.k_factor",)
    assert [point.id for point in alone.points] == [point.id for point in plain.points]
    assert {point.system for point in alone.points} == {""}
    assert plain.study is None
    assert json.loads(json.dumps(alone.study)) == {"name": "s", "scenarios": {"a": {"file": "one.yaml"}}}


def test_a_point_keeps_its_id_while_the_study_grows_and_trials_are_added(write, monkeypatch):
    before = plan_of(write())
    after = plan_of(write(), sets=["trials.per_image=40"], sweeps=["snr_db=0,5,10,15"])
    ids = {(point.system, *point.values.values()): point.id for point in after.points}
    assert all(ids[point.system, *point.values.values()] == point.id for point in before.points)
    assert len(set(ids.values())) == 16
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in ids.values())
    other = plan_of(write(), seed=6)
    assert not {point.id for point in other.points} & set(ids.values())
    monkeypatch.setattr(identity, "code_digest", lambda: "0" * 64)
    assert not {point.id for point in plan_of(write()).points} & set(ids.values())


def test_a_system_s_scenario_as_resolved_makes_its_points_again(write):
    plan = plan_of(write())
    for system, scenario in plan.scenarios.items():
        mine = [point.id for point in plan.points if point.system == system]
        assert [point.id for point in expand(scenario).points] == mine
        assert set(resolved(scenario)["zip"]) == {"links.air.bandwidth_ratio", "links.air.channel.k_factor"}


def test_a_study_tells_the_figure_that_it_leaves_which_moves_no_point(write):
    plan = plan_of(write(STUDY + "plot: {x: uses, y: [psnr, mse], by: system, at: {snr_db: 10}}\n"))
    assert plan.study["plot"] == {"x": "uses", "y": ["psnr", "mse"], "by": "system", "at": {"snr_db": 10}}
    assert [point.id for point in plan.points] == [point.id for point in plan_of(write()).points]


FAULTS = [
    ("set: {seed: 5", "sets: {seed: 5", "5: sets: is not a field; did you mean 'set'?"),
    ("set: {seed: 5, ", "seed: 5\nset: {", "5: seed: is a scenario's field, not a study's; write set: {s"),
    ("name: both\n", "", "1: name: is missing"),
    ("name: both", "name: a/b", "1: name: must be letters"),
    ("parts/other.yaml", "other.yaml", "4: scenarios.QPSK fixed: must name a scenario file, got '"),
    ("parts/other.yaml", "study.yaml", "4: scenarios.QPSK fixed: must name a scenario file, got '"),
    ("parts/other.yaml", "3", "4: scenarios.QPSK fixed: must name a scenario file, got 3; as a.yaml, or {f"),
    ("parts/other.yaml", "null", "4: scenarios.QPSK fixed: must name a scenario file, got nothing; as a.y"),
    ("file: one.yaml", "fil: one.yaml", "3: scenarios.adaptive.fil: is not a field; did you mean 'file'?"),
    ("QPSK fixed", "QPSK 1/2", "2: scenarios: must be 1 to 40 printable characters"),
    ("QPSK fixed", "Adaptive", "2: scenarios: must differ by more than case, got 'adaptive' twice"),
    ("QPSK fixed", "adaptive", "4: scenarios: 'adaptive' stands twice"),
    ("seed: 5", "snr_db: 5", "6: sweep: snr_db is also under set; keep one of the two"),
    ("seed: 5", "name: a", "5: set: name cannot be set; a study has its own"),
    ("seed: 5", "sede: 5", "5: sede: is not a field; did you mean 'seed'? (system 'adaptive')"),
    ("0:10:5", "0:10:-5", "7: sweep.snr_db: must have 1 to 10000 values"),
    ("[1, 10]", "[1, -10]", "10: links.air.channel.k_factor: must be >= 0"),
    ("[1, 10]", "[1, 10, 20]", "10: zip.links.air.channel.k_factor: must have 2 values, as many as links"),
    ("snr_db: 0:10:5", "links.air.channel.k_factor: [1]", "10: zip.links.air.channel.k_factor: "),
    ("sweep:\n", "plot: {x: uses, z: mse}\nsweep:\n", "6: plot.z: is not a field"),
    ("sweep:\n", "plot: {}\nsweep:\n", "6: plot: names no column; write x: and y:, or pictures: true"),
    ("sweep:\n", "plot: {x: uses, pictures: true}\nsweep:\n", "6: plot.x: is of curves, not of pictures"),
    ("sweep:\n", "plot: {x: uses, y: 3}\nsweep:\n", "6: plot.y: "),
    ("links.air.streams.picture.mcs: {a", "links.air.streams.image.mcs: {a", "3: links.air.streams.image"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "fit"),
    [("QPSK 1/2", "QPSK 1-2"), ("a:b ", "a-b"), (" . ", "system"), ("x" * 41, "x" * 40), ("a\\tb", "ab")],
)
def test_a_label_that_cannot_be_is_told_with_one_that_can(write, label, fit):
    with pytest.raises(ScenarioError, match=f"got .*; as '{fit}'$"):
        plan_of(write(STUDY.replace("QPSK fixed", f'"{label}"', 1)))
    plan_of(write(STUDY.replace("QPSK fixed", f'"{fit}"', 1)))


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[told for *_, told in FAULTS])
def test_a_fault_names_its_line_field_and_rule(write, old, new, told):
    assert old in STUDY
    path = write(STUDY.replace(old, new, 1))
    with pytest.raises(ScenarioError) as caught:
        plan_of(path)
    assert str(caught.value).startswith(f"{path}:{told}")
    assert "\n" not in str(caught.value)


def test_a_fault_of_a_scenario_names_its_own_file_and_the_system(write, tmp_path):
    path = write()
    (tmp_path / "parts" / "other.yaml").write_text(SCENARIO.replace("native", "nativ"))
    with pytest.raises(ScenarioError, match=r"other\.yaml:8: links\.air\.engine: .*\(system 'QPSK fixed'\)$"):
        plan_of(path)


def test_systems_that_are_one_experiment_are_refused(write):
    path = write("name: s\nscenarios:\n  a: one.yaml\n  b: parts/other.yaml\nsweep: {snr_db: [0, 5]}\n")
    told = r"study\.yaml: sweep: .*one experiment twice: \(system=a, snr_db=0\) and \(system=b, snr_db=0\)"
    with pytest.raises(LinksimError, match=told):
        plan_of(path)


def test_ten_thousand_points_are_the_most_of_all_systems_together(write):
    path = write("name: s\nscenarios:\n  a: one.yaml\n  b: {file: one.yaml, set: {seed: 2}}\n")
    told = r"sweep: must have at most 10000 points, got 10002"
    with pytest.raises(ScenarioError, match=told):
        plan_of(path, sweeps=["snr_db=0:50:0.03"])


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").rglob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.usefixtures("kodak")
def test_the_files_that_ship_are_plans(path):
    plan = plan_of(path)
    assert plan.name in (path.stem, f"{path.parent.name}_{path.stem}")
    assert len({point.id for point in plan.points}) == len(plan.points)
    assert len(plan.points) > 1 or path.stem.endswith("error_free")


def test_the_schema_tells_what_a_study_holds():
    tree = schema()
    assert tree["additionalProperties"] is False
    assert set(tree["properties"]) == {"name", "scenarios", "set", "sweep", "zip", "plot"}
    text, mapping = tree["properties"]["scenarios"]["additionalProperties"]["anyOf"]
    assert text == {"type": "string"}
    assert mapping == {"$ref": "#/$defs/System"}
