"""What a user of the recipes does wrong is one line and exit code 2."""

import sys
from importlib import import_module

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.mark.parametrize(
    ("module", "recipe", "options", "told"),
    [
        ("train", "hda_deepsc", ["--data"], "no photo of at least"),
        ("train_deepjscc", "deepjscc", ["--data"], "no photo of at least"),
        ("train_denoisers", "diffsdnet", ["--symbols"], "nowhere: No such file"),
        ("train_attack", "hda_attack", ["--codec", "--data"], "No such file"),
        ("train_hsc", "hsc_vae", ["--data"], "no train-images"),
        ("ablations", "table2", ["--data"], "no photo of at least"),
        ("export_deepjscc", "deepjscc", ["--folder"], "No such file"),
    ],
)
def test_a_folder_that_is_not_there_is_one_line(module, recipe, options, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = [word for option in options for word in (option, "nowhere")]
    monkeypatch.setattr(sys, "argv", [module, recipe, *given])
    with pytest.raises(SystemExit) as ended:
        import_module(f"models.{module}").main()
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == 1
    assert not list(tmp_path.rglob("*.pt"))


def test_weights_of_another_network_are_told_in_a_line(tmp_path):
    torch = pytest.importorskip("torch")
    from models.run import fill

    with pytest.raises(ValueError, match=r"a\.pt: must hold the weights of this recipe's network; .*bias"):
        fill(torch.nn.Linear(2, 3), {"weight": torch.zeros(3, 2)}, tmp_path / "a.pt")


def test_a_card_stays_whole_until_another_is(tmp_path):
    from models.exporting import put_card, staged

    place = tmp_path / "net"
    told = {"kind": "jscc", "paper": "", "images": "", "streams": {}, "network": {}}
    for n in range(2):
        folder = staged(place)
        (folder / "graph.onnx").write_bytes(bytes(n))
        if n:
            assert (place / "graph.onnx").read_bytes() == b""
        assert put_card(folder, {"graph": (None, {}, {})}, {}, **told) == place
    assert (place / "graph.onnx").read_bytes() == bytes(1)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
