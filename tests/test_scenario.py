"""A scenario file becomes the blocks themselves; every fault is one line that says where and what to do."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from linksim.codecs.network import FILES, NUMBERS, find_network
from linksim.document import Document, parse
from linksim.errors import ScenarioError
from linksim.load import load, spread
from linksim.plan import expand
from linksim.scenario import Scenario, build, digest, resolved, schema
from models.card import Card, sha256, write_card
from phy.amc import Amc
from phy.channel import CHANNELS, Rician
from phy.detect import PilotCsi
from phy.fec import Decoder

TEXT = """\
name: trial
images: {set: sample}
codec: {kind: hda_deepsc}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {kind: rician, k_factor: 1.0, block: frame}
    csi: {kind: perfect}
    engine: sionna
    streams:
      essential:
        kind: digital
        share: 0.2
        mcs: {amc: hda, csit: false}
        cipher: {kind: aes-ctr, key: {test: true}}
        crc: 24
      auxiliary: {kind: analog, share: 1.0}
snr_db: 10
trials: {per_image: 8}
seed: 1
"""


def read(text: str = TEXT) -> Scenario:
    return build(parse(text, "s.yaml", lined=True))


def test_nodes_become_the_blocks_own_dataclasses():
    link = read().links["air"]
    assert link.name == "air"
    assert link.bandwidth_ratio == Fraction(1, 6)
    assert link.channel == Rician(k_factor=1.0, block="frame")
    assert link.streams["essential"].mcs == Amc(amc="hda", csit=False)


def test_a_word_of_the_command_line_stands_for_its_mapping():
    words = (
        TEXT.replace("{kind: rician, k_factor: 1.0, block: frame}", "rician:k_factor=2")
        .replace("{kind: perfect}", "pilots:count=4")
        .replace("crc: 24", "decoder: layered-sum-product:iterations=9")
        .replace("mcs: {amc: hda, csit: false}", "mcs: qpsk-1/2")
    )
    scenario = read(words)
    link = scenario.links["air"]
    assert (link.channel, link.csi) == (Rician(k_factor=2.0), PilotCsi(count=4))
    assert link.streams["essential"].decoder == Decoder(schedule="layered", iterations=9)
    assert resolved(scenario)["links"]["air"]["csi"]["count"] == 4
    with pytest.raises(
        ScenarioError, match=r"7: links\.air\.channel: must be one of .*did you mean 'rician'"
    ):
        read(words.replace("rician:", "ricia:"))
    with pytest.raises(ScenarioError, match=r"7: links\.air\.channel\.k_factor: must be >= 0"):
        read(words.replace("k_factor=2", "k_factor=-2"))


def test_a_resolved_scenario_builds_the_same_scenario():
    scenario = read()
    again = build(Document(source="manifest", tree=json.loads(json.dumps(resolved(scenario))), origins={}))
    assert again == scenario
    assert digest(again) == digest(scenario)


def test_a_prefix_is_shown_only_where_each_block_has_a_check():
    picture = "      picture: {kind: digital, mcs: qpsk-1/2"
    text = TEXT[: TEXT.index("      essential")] + picture + "}\n" + TEXT[TEXT.index("snr_db:") :]
    text = text.replace("{kind: hda_deepsc}", "{kind: jpeg, concealment: prefix}")
    told = r"3: codec\.concealment: prefix needs a check for each code block, got crc_per: payload; add"
    with pytest.raises(ScenarioError, match=told):
        read(text)
    text = text.replace(picture, picture + ", crc_per: block")
    assert read(text).codec.concealment == "prefix"
    text = text.replace(picture, picture + ", cipher: {kind: aes-gcm, key: {test: true}}")
    with pytest.raises(ScenarioError, match=r"needs a cipher without a tag over all, got aes-gcm; set links"):
        read(text)


def test_the_digest_follows_the_experiment_and_not_its_name():
    assert digest(read(TEXT.replace("name: trial", "name: other"))) == digest(read())
    assert digest(read(TEXT.replace("k_factor: 1.0", "k_factor: 2.0"))) != digest(read())


def test_the_digest_follows_the_order_of_streams_and_sweeps_and_not_that_of_fields():
    auxiliary = "      auxiliary: {kind: analog, share: 1.0}\n"
    swapped = TEXT.replace(auxiliary, "").replace("    streams:\n", "    streams:\n" + auxiliary)
    assert digest(read(swapped)) != digest(read())
    one, other = "sweep: {snr_db: [1, 2], seed: [1, 2]}\n", "sweep: {seed: [1, 2], snr_db: [1, 2]}\n"
    assert digest(read(TEXT + one)) != digest(read(TEXT + other))
    assert digest(read(TEXT.replace("{kind: analog, share: 1.0}", "{share: 1.0, kind: analog}"))) == digest(
        read()
    )


FAULTS = [
    ("k_factor: 1.0", "k_factor: -1", "7: links.air.channel.k_factor: must be >= 0"),
    ("k_factor: 1.0", "k_facto: 1", "7: links.air.channel.k_facto: is not a field; did you mean 'k_factor'?"),
    (
        "kind: rician",
        "kind: ricean",
        "7: links.air.channel.kind: must be one of awgn, rayleigh, rician, nakagami, jakes, recorded, got "
        "'ricean'; did you mean 'rician'?",
    ),
    ("kind: rician, ", "", "7: links.air.channel: needs a kind; it may be awgn, rayleigh, rician"),
    (
        "block: frame",
        "block: fram",
        "7: links.air.channel.block: must be 'frame' or a whole number, got 'fram'",
    ),
    ("1/6", "1/0", "6: links.air.bandwidth_ratio: must be a fraction such as 1/6, got '1/0'"),
    ("    bandwidth_ratio: 1/6\n", "", "5: links.air.bandwidth_ratio: is missing; add bandwidth_ratio: ..."),
    ("engine: sionna", "name: x", "9: links.air.name: is not a field; a link's name is its key"),
    ("engine: sionna", "engine: gpu", "9: links.air.engine: must be "),
    (
        "{amc: hda, csit: false}",
        "16qam-1/3",
        "14: links.air.streams.essential.mcs: must be one of bpsk-1/2, ",
    ),
    (
        "csit: false",
        "csit: off",
        "14: links.air.streams.essential.mcs.csit: must be true or false, got 'off'",
    ),
    ("csit: false", "target: 2", "14: links.air.streams.essential.mcs.target: must lie between 0 and 1"),
    (
        "csit: false",
        "cist: true",
        "14: links.air.streams.essential.mcs.cist: is not a field; did you mean 'csit'?",
    ),
    ("{test: true}", "{file: /nowhere}", "15: links.air.streams.essential.cipher.key.file: must be readable"),
    ("{test: true}", "{env: NO_SUCH_KEY}", "15: links.air.streams.essential.cipher.key.env: must be set"),
    ("crc: 24", "crc: 23", "16: links.air.streams.essential.crc: must be 16, 24 or 32, got 23"),
    ("kind: analog", "kind: digital, mcs: bpsk-1/2", "17: links.air.streams.auxiliary.kind: must be analog"),
    ("auxiliary:", "auxiliar:", "17: links.air.streams.auxiliar: is no stream of the codec 'hda_deepsc'"),
    ("      auxiliary: {kind: analog, share: 1.0}\n", "", "4: links: no stream 'auxiliary'"),
    ("{set: sample}", "{}", "2: images: needs either set or folder, got neither"),
    (
        "snr_db: 10",
        "snr_db: '10'",
        "18: snr_db: must be a number, got '10'; write it in digits, without quotes",
    ),
    ("snr_db: 10", "snr_db: -101", "18: snr_db: must lie between -100 and 100 dB, got -101; it is in dB"),
    ("seed: 1", "seed: -1", "20: seed: must be >= 0 and below 2^63, got -1"),
    (
        "seed: 1",
        "seed: 9223372036854775808",
        "20: seed: must be >= 0 and below 2^63, got 9223372036854775808",
    ),
    ("kind: rician, k_factor: 1.0", "kind: awgn", "7: links.air.channel.block: is not a field; take it away"),
    (
        "{kind: perfect}",
        "5",
        "8: links.air.csi: must be a mapping of fields, got 5; write {FIELD",
    ),
    ("hda_deepsc", "hsc, rank: {mse: 2}", "3: codec.rank.mse: must be above 0 and below 1, got 2.0; 1e-3"),
    ("hda_deepsc", "hsc, rank: {mse: x}", "3: codec.rank.mse: must be a number, got 'x'"),
    ("hda_deepsc", "hsc, rank: 8.5", "3: codec.rank: must be a whole number or 'fit' or 'best' or a mapping"),
    ("seed: 1", "seed: 1\nsnr: 3", "21: snr: is not a field; did you mean 'snr_db'?"),
    ("seed: 1\n", "", "1: seed: is missing"),
    ("name: trial", "name: ../x", "1: name: must be letters"),
    ("per_image: 8", "per_image: 0", "19: trials.per_image: must be at least 1, got 0"),
    ("seed: 1", "seed: 1\nmetrics: [psnr]", "21: metrics[0]: must be 'psnr_db' or 'ms_ssim_db', got 'psnr'"),
]


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[told for *_, told in FAULTS])
def test_a_fault_names_its_line_field_and_rule(old, new, told):
    assert old in TEXT
    with pytest.raises(ScenarioError) as caught:
        read(TEXT.replace(old, new, 1))
    assert str(caught.value).startswith(f"s.yaml:{told}")
    assert "\n" not in str(caught.value)


@pytest.fixture
def write(tmp_path):
    """Writes a scenario file whose network is empty files."""
    (tmp_path / "card").mkdir()
    for name in FILES:
        (tmp_path / "card" / name).touch()
    files = {name: sha256(tmp_path / "card" / name) for name in FILES}
    card = Card(
        name="empty", kind="hda_deepsc", version=1, paper="none", streams={}, graphs={},
        files=files, network=dict.fromkeys(NUMBERS, 1),
    )  # fmt: skip
    write_card(card, tmp_path / "card")

    def written(more: str = "", card: str = "card") -> Path:
        path = tmp_path / "s.yaml"
        path.write_text(
            TEXT.replace("{kind: hda_deepsc}", f"{{kind: hda_deepsc, card: {tmp_path / card}}}") + more
        )
        return path

    return written


@pytest.fixture
def file(write) -> Path:
    return write()


def test_a_network_that_is_not_there_is_told_with_its_line(write):
    with pytest.raises(ScenarioError, match=r"s\.yaml:3: codec\.card: must name a network in the zoo"):
        load(write(card="nowhere"))


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("eavesdropper={attack: nowhere}", r"eavesdropper\.attack: must name .*\(hda_attack\)"),
        (
            "codec.denoiser={kind: dncnn, card: nowhere}",
            r"codec\.denoiser\.card: must name .*\(diffsdnet, dncnn\)",
        ),
        (
            "codec.denoiser={kind: dncnn, card: hda_attack}",
            r"codec\.denoiser\.card: .*must be a card of kind 'denoiser'",
        ),
        ("codec.adapter=nowhere", r"codec\.adapter: must name .*\(hsc_vae_ncr"),
    ],
)
def test_other_networks_that_are_not_there_are_told_with_their_field(setting, told):
    files = {"eavesdropper": "awgn_hda", "codec.denoiser": "rician_analog", "codec.adapter": "rayleigh_hsc"}
    file = f"{files[setting.partition('=')[0]]}.yaml"
    with pytest.raises(ScenarioError, match=f"^--set .*: {told}"):
        load(Path(__file__).parents[1] / "scenarios" / file, sets=[setting])


def test_a_card_whose_file_has_changed_is_told_with_its_line(write, tmp_path):
    path = write()
    card = json.loads((tmp_path / "card" / "card.json").read_text()) | {"files": {"decoder.onnx": "0" * 64}}
    (tmp_path / "card" / "card.json").write_text(json.dumps(card))
    (tmp_path / "card" / "decoder.onnx").write_text("changed")
    with pytest.raises(
        ScenarioError, match=r"s\.yaml:3: codec\.card: .*decoder\.onnx: SHA-256 must be 000000000000"
    ):
        load(path)


CARD_FAULTS = [
    ({"files": 3}, "must be a card in JSON, got files or network that are no mapping"),
    ({"network": [1]}, "must be a card in JSON, got files or network that are no mapping"),
    ({"files": {}}, "must have files.encoder.onnx; export the network again"),
    ({"files": {"encoder.onnx": 5}}, "SHA-256 must be 5..., got e3b0c44298fc...; restore the file"),
    ({"network": {}}, "must have network.image_multiple, a number; export the network again"),
    ({"network": dict.fromkeys(NUMBERS, "a")}, "must have network.image_multiple, a number"),
]


@pytest.mark.parametrize(("change", "told"), CARD_FAULTS, ids=[told for _, told in CARD_FAULTS])
def test_a_card_that_cannot_run_is_told_before_it_runs(write, tmp_path, change, told):
    path, file = write(), tmp_path / "card" / "card.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:3: codec.card: ")
    assert told in str(caught.value)


def test_a_card_with_another_number_is_another_network(write, tmp_path):
    write()
    card, other = tmp_path / "card", tmp_path / "other"
    shutil.copytree(card, other)
    tree = json.loads((card / "card.json").read_text())
    tree["network"] |= {"nominal_step": 2}
    (other / "card.json").write_text(json.dumps(tree))
    assert find_network(str(card)).fingerprint != find_network(str(other)).fingerprint


def test_any_dotted_field_can_be_set(file):
    scenario = load(
        file, sets=["links.air.streams.essential.mcs=16qam-1/2", "links.air.bandwidth_ratio=1/12"]
    )
    assert scenario.links["air"].streams["essential"].mcs == "16qam-1/2"
    assert scenario.links["air"].bandwidth_ratio == Fraction(1, 12)


def test_a_field_that_the_file_leaves_to_its_default_can_be_set(file):
    stream = "links.air.streams.essential"
    scenario = load(file, sets=[f"{stream}.mcs=qpsk-1/2", f"{stream}.decoder.iterations=5"])
    assert scenario.links["air"].streams["essential"].decoder.iterations == 5


def test_setting_a_swept_field_ends_its_sweep(write):
    path = write("sweep: {snr_db: [0, 5], links.air.channel.k_factor: [0, 1]}\n")
    assert load(path, sets=["snr_db=3"]).sweep == {"links.air.channel.k_factor": [0, 1]}


@pytest.mark.parametrize("given", ["0:20:5", "0,5,10,15,20", "[0, 5, 10, 15, 20]"])
def test_a_sweep_is_a_range_or_a_list(file, given):
    assert load(file, sweeps=[f"snr_db={given}"]).sweep == {"snr_db": [0, 5, 10, 15, 20]}


def test_ranges_are_exact_decimals_and_hold_their_end():
    assert spread("0:0.3:0.1", "x") == [0, 0.1, 0.2, 0.3]
    assert spread("5:-5:-5", "x") == [5, 0, -5]


def test_a_sweep_is_a_grid_whose_last_field_runs_fastest(file):
    plan = expand(load(file, sweeps=["snr_db=0,10", "links.air.streams.essential.mcs=bpsk-1/2,{amc: hda}"]))
    rows = [(p.scenario.snr_db, p.scenario.links["air"].streams["essential"].mcs) for p in plan.points]
    assert rows == [(0, "bpsk-1/2"), (0, Amc()), (10, "bpsk-1/2"), (10, Amc())]
    assert plan.points[1].values["links.air.streams.essential.mcs"] == {"amc": "hda"}
    assert [p.scenario.sweep for p in plan.points] == [{}] * 4
    assert plan.trials(n_images=3) == 4 * 3 * 8


ZIP = "zip: {links.air.bandwidth_ratio: [1/6, 1/12, 1/24], links.air.channel.k_factor: 1:3:1}\n"


def test_a_zip_takes_its_fields_together_at_every_point_of_the_grid(write):
    plan = expand(load(write("sweep: {snr_db: [0, 10]}\n" + ZIP)))
    assert plan.fields == ("snr_db", "links.air.bandwidth_ratio", "links.air.channel.k_factor")
    assert [tuple(point.values.values()) for point in plan.points] == [
        (snr_db, *row) for snr_db in (0, 10) for row in (("1/6", 1), ("1/12", 2), ("1/24", 3))
    ]
    links = [point.scenario.links["air"] for point in plan.points]
    assert [(link.bandwidth_ratio, link.channel.k_factor) for link in links[::2]] == [
        (Fraction(1, 6), 1), (Fraction(1, 24), 3), (Fraction(1, 12), 2),
    ]  # fmt: skip


def test_the_values_of_a_zip_need_only_fit_each_other(write):
    """Adaptive modulation knows its decoder at 20 iterations alone."""
    bearer = "links.air.streams.essential"
    path = write(f"zip: {{{bearer}.decoder.iterations: [20, 50], {bearer}.mcs: [{{amc: hda}}, qpsk-1/2]}}\n")
    streams = [point.scenario.links["air"].streams["essential"] for point in expand(load(path)).points]
    assert [stream.decoder.iterations for stream in streams] == [20, 50]
    with pytest.raises(ScenarioError, match=r"s\.yaml:21: .*adaptive modulation"):
        load(path, sets=[f"{bearer}.mcs={{amc: hda}}"])


def test_setting_a_zipped_field_takes_it_out_of_the_zip(write):
    scenario = load(write(ZIP), sets=["links.air.bandwidth_ratio=1/4"])
    assert scenario.zip == {"links.air.channel.k_factor": [1, 2, 3]}
    assert scenario.links["air"].bandwidth_ratio == Fraction(1, 4)


ZIP_FAULTS = [
    ("1:3:1", "1:4:1", r"21: zip\.links\.air\.channel\.k_factor: must have 3 values, as many as links"),
    ("1:3:1", "[1, 2, -3]", r"21: links\.air\.channel\.k_factor: must be >= 0"),
    ("1:3:1", "[]", r"21: zip\.links\.air\.channel\.k_factor: must be a list of values or start:stop:step"),
    ("links.air.bandwidth_ratio", "images.limit", r"21: zip\.images\.limit: cannot be swept"),
    ("links.air.bandwidth_ratio", "trials.per_image", r"21: zip\.trials\.per_image: cannot be swept"),
    (ZIP, "zip: 3", r"21: zip: must be a mapping of fields, got 3"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), ZIP_FAULTS, ids=[told for *_, told in ZIP_FAULTS])
def test_a_fault_in_a_zip_names_its_line(write, old, new, told):
    assert old in ZIP
    with pytest.raises(ScenarioError, match=rf"s\.yaml:{told}"):
        load(write(ZIP.replace(old, new)))


def test_a_field_both_swept_and_zipped_is_refused_with_both_places(write):
    k_factor = "links.air.channel.k_factor"
    told = rf"s\.yaml:21: zip\.{k_factor}: --sweep {k_factor}=1,2 sweeps it as well; keep one of the two"
    with pytest.raises(ScenarioError, match=told):
        load(write(ZIP), sweeps=[f"{k_factor}=1,2"])


def test_without_a_sweep_there_is_one_point(file):
    plan = expand(load(file))
    assert [point.values for point in plan.points] == [{}]
    assert plan.points[0].scenario == plan.scenarios[""]


def test_quick_takes_two_images_one_draw_and_the_ends_of_the_first_sweep(write):
    path = write("sweep: {snr_db: 0:20:5, links.air.channel.k_factor: [0, 1]}\n")
    scenario = load(path, quick=True)
    assert (scenario.name, scenario.images.limit, scenario.trials.per_image) == ("trial-quick", 2, 1)
    assert scenario.sweep == {"snr_db": [0, 20], "links.air.channel.k_factor": [0]}


def test_what_options_tell_stands_also_when_quick(write):
    path = write("sweep: {snr_db: 0:20:5, links.air.channel.k_factor: [0, 1]}\n")
    sets = ["trials.per_image=40", "images.limit=3", "trials.stop.block_errors=9"]
    scenario = load(path, sets, ["links.air.channel.k_factor=2,3,4"], quick=True)
    assert scenario.sweep == {"snr_db": [0, 20], "links.air.channel.k_factor": [2, 3, 4]}
    assert (scenario.images.limit, scenario.trials.per_image) == (3, 40)
    assert scenario.trials.stop.block_errors == 9
    assert load(path, sets[2:], quick=True).trials.per_image == 1
    assert load(path, sets[:1], quick=True).trials.stop is None


OPTION_FAULTS = [
    (
        ["links.air.channel.k_factor=-3"],
        [],
        "--set links.air.channel.k_factor=-3: links.air.channel.k_factor: must be >= 0",
    ),
    (
        ["links.air.chanel.k_factor=3"],
        [],
        "--set links.air.chanel.k_factor=3: links.air.chanel: is not a field; did you mean",
    ),
    (["snr_db.x=3"], [], "--set snr_db.x=3: snr_db has no fields, got 10; set snr_db as a whole"),
    (["snr_db"], [], "--set snr_db: must be FIELD=VALUE"),
    (["images={set: sample"], [], "--set images={set: sample: is not YAML"),
    ([], ["snr_db=0:20:-1"], "--sweep snr_db=0:20:-1: sweep.snr_db: must have 1 to 10000 values"),
    ([], ["snr_db=0:20:0"], "--sweep snr_db=0:20:0: sweep.snr_db: must be start:stop:step"),
    ([], ["snr=0:20:5"], "--sweep snr=0:20:5: snr: is not a field; did you mean 'snr_db'?"),
    (
        [],
        ["links.air.channel.k_factor=1,-2"],
        "--sweep links.air.channel.k_factor=1,-2: links.air.channel.k_factor: must",
    ),
    ([], ["name=a,b"], "--sweep name=a,b: sweep.name: cannot be swept"),
]


@pytest.mark.parametrize(("sets", "sweeps", "told"), OPTION_FAULTS, ids=[told for *_, told in OPTION_FAULTS])
def test_a_fault_in_an_option_names_the_option(file, sets, sweeps, told):
    with pytest.raises(ScenarioError) as caught:
        load(file, sets=sets, sweeps=sweeps)
    assert str(caught.value).startswith(told)


def test_a_fault_in_a_sweep_of_the_file_names_its_line(write):
    path = write("sweep:\n  links.air.channel.k_factor:\n    - 1\n    - -2\n")
    with pytest.raises(ScenarioError, match=r"s\.yaml:24: links\.air\.channel\.k_factor: must be >= 0"):
        load(path)


def test_a_fault_of_values_that_only_meet_in_the_grid_names_the_file_and_the_point(file):
    bearer = "links.air.streams.essential"
    sweeps = [f"{bearer}.decoder.iterations=20,50", f"{bearer}.mcs=qpsk-1/2,{{amc: hda}}"]
    with pytest.raises(
        ScenarioError, match=r"^s\.yaml: sweep point .*iterations=50, .*: adaptive modulation"
    ):
        expand(load(file, sets=[f"{bearer}.mcs=qpsk-1/2"], sweeps=sweeps), source="s.yaml")


def test_a_grid_of_too_many_points_is_refused_before_its_values_are_tried(file, monkeypatch):
    tried = []
    monkeypatch.setattr("linksim.load._at", lambda *given: tried.append(given))
    told = r"^--sweep snr_db=0:20:0\.1: sweep: must have at most 10000 points, got 20301; sweep fewer"
    with pytest.raises(ScenarioError, match=told):
        load(file, sweeps=["snr_db=0:20:0.1", "links.air.channel.k_factor=0:10:0.1"])
    assert not tried


def test_the_schema_describes_what_is_accepted():
    tree = schema()
    assert tree["additionalProperties"] is False
    assert all(
        "kind" in tree["$defs"][name]["required"]
        for name in ("Rician", "PilotCsi", "DigitalBearer", "Jpeg2000")
    )
    assert "digest" not in tree["$defs"]["Recorded"]["properties"]  # found, not told
    assert "name" not in tree["$defs"]["Link"]["properties"]
    assert tree["$defs"]["Rician"]["properties"]["kind"]["const"] == "rician"
    assert tree["properties"]["zip"]["additionalProperties"]["anyOf"][1] == {"type": "string"}
    word, form = tree["$defs"]["Link"]["properties"]["channel"]["anyOf"]
    assert word == {"type": "string"}
    assert set(CHANNELS) == set(form["discriminator"]["mapping"])
