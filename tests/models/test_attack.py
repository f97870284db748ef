"""The attack on the analog part: places guessed and told, training that resumes, export, who may use it."""

import dataclasses
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from PIL import Image  # noqa: E402

from linksim.codecs import attack as host  # noqa: E402
from linksim.codecs.hda import HdaDeepsc  # noqa: E402
from linksim.document import parse  # noqa: E402
from linksim.errors import LinksimError, ScenarioError  # noqa: E402
from linksim.identity import contents  # noqa: E402
from linksim.images import load_images  # noqa: E402
from linksim.plan import Point  # noqa: E402
from linksim.scenario import build as scenario_of  # noqa: E402
from linksim.system import System  # noqa: E402
from models import attack, export_attack, train_attack, twin  # noqa: E402
from models.card import ZOO, read_card  # noqa: E402
from models.recipes import RECIPES as CODECS  # noqa: E402
from models.run import Average, Run  # noqa: E402
from models.train import build  # noqa: E402
from phy.types import SymbolsObserved  # noqa: E402

TEXT = """
name: attacked
images: {{set: sample, crop: 120x200, limit: 1}}
codec: {{kind: hda_deepsc, card: {codec}}}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {{kind: awgn}}
    engine: reference
    streams:
      essential: {{kind: digital, share: 0.2, mcs: 16qam-1/2, cipher: {{kind: aes-ctr, key: {{test: true}}}}}}
      auxiliary: {{kind: analog, share: 1.0}}
snr_db: 15
seed: 1
eavesdropper: {who}
"""


@pytest.fixture(scope="module")
def trained(tiny, photos, tmp_path_factory):
    """A codec at its start, and two runs of an attack against it for two steps, one stopped between."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "photos").mkdir()
    for i, photo in enumerate(photos * 7):
        Image.fromarray(photo).save(folder / "photos" / f"{i:02d}.png")
    recipe = train_attack.AttackRecipe(
        size=attack.AttackSize(z_channels=tiny.size.z_channels, width=16, blocks=(1, 1, 1, 1, 1)),
        codec="tiny", steps=6, photos=4, crop=64, fits=6, bfloat16=False,
    )  # fmt: skip
    codec = build(tiny, photos)
    given = (recipe, codec, 0, [folder / "photos"])
    train_attack.train(*given, folder / "once", minutes=60, stop_at=2)
    train_attack.train(*given, folder / "twice", minutes=60, stop_at=1)
    train_attack.train(*given, folder / "twice", minutes=60, stop_at=2)
    return folder, recipe, codec


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """An attack with random weights against the codec that ships, exported beside it; its checkpoints."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "hda_deepsc").symlink_to(ZOO / "hda_deepsc")
    size = attack.AttackSize(width=16, blocks=(1, 1, 1, 1, 1))
    torch.manual_seed(1)
    run = Run(attack.Attack(size), folder / "run")
    run.net.shares.copy_(torch.linspace(0.9, 0.0, 192))
    run.average = Average(run.net)
    run.optimiser = torch.optim.AdamW(run.net.parameters())
    steps = read_card(ZOO / "hda_deepsc", "hda_deepsc").training["steps"]
    run.say(photos=4, codec_steps=steps, **{"psnr_guessed_0.2": 0.0})
    run.save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train_attack.RECIPES, "attack", train_attack.AttackRecipe(size=size))
        export_attack.export("attack", folder / "run", folder)
        yield folder


def scenario(zoo, who, **changed):
    return scenario_of(parse(TEXT.format(codec=ZOO / "hda_deepsc", who=who, **changed), "attacked"))


def overheard(zoo, who):
    one = scenario(zoo, who)
    photos = load_images(one.images)
    system = System(codec=one.codec, links=one.links, eavesdropper=one.eavesdropper)
    return photos[0].image, system.deliver(photos, [0], one.seed, one.snr_db)[0]


def test_where_nothing_is_known_every_channel_gets_its_share_and_every_part_of_the_picture_too():
    shares = np.array([0.9, 0.36, 0.05], np.float32)
    likely = np.broadcast_to(shares[:, None, None], (3, 32, 48))
    n = round(float(shares.sum()) * 32 * 48)
    sent = np.zeros(likely.size)
    sent[host.likeliest(likely, n)] = 1
    sent = sent.reshape(likely.shape)
    np.testing.assert_allclose(sent.mean((1, 2)), shares, atol=2e-3)
    np.testing.assert_allclose(sent[:, :8].mean((1, 2)), shares, atol=2e-2)
    assert sent[0][sent[2] > 0].all(), "who sends the rarer channel sends the more common one"


def test_host_and_training_put_reals_into_the_same_places():
    likely = torch.rand(5, 16, 24, generator=torch.Generator().manual_seed(1))
    places = attack.likeliest(likely, 700)
    np.testing.assert_array_equal(host.likeliest(likely.numpy(), 700), places.numpy())
    reals = torch.arange(1.0, 701)
    x, sent = attack.laid_out(reals, places, (5, 16, 24))
    assert sent.sum() == 700
    torch.testing.assert_close(x[sent > 0], reals)


def test_reals_in_the_places_that_were_sent_show_more_than_in_places_guessed(trained):
    _, recipe, codec = trained
    generator = torch.Generator().manual_seed(3)
    images = torch.nn.functional.interpolate(
        torch.rand(8, 3, 16, 16, generator=generator), size=recipe.crop, mode="bicubic"
    ).clamp(0, 1)
    crops = train_attack.encoded(codec, [images])
    net = attack.Attack(recipe.size)
    train_attack.start(net, codec, crops, recipe)
    image, z, z_d = crops.picture([0, 1, 2, 3])
    c = twin.conditions(da_ratio=3.0, bandwidth_ratio=1 / 6, design_snr_db=20.0, snr_db=20.0)
    heard = train_attack.overheard(codec, z, z_d, c, generator)
    assert len(heard.reals) == int(heard.sent.sum()) == int(c.reals * z.shape[2] * z.shape[3])
    assert abs(heard.reals.square().mean().item() - 1.01) < 0.05
    error = {
        rounds: (train_attack.attacked(net, [heard], rounds)[0] - image).square().mean().item()
        for rounds in (-1, 0)
    }
    assert error[-1] < 0.95 * error[0]
    assert error[-1] < 0.95 * (image - 0.5).square().mean().item()


def test_training_goes_on_as_if_it_had_not_stopped(trained):
    once, twice = (
        torch.load(trained[0] / name / "state.pt", weights_only=True) for name in ("once", "twice")
    )
    assert once["step"] == twice["step"] == 2
    for name, value in once["average"].items():
        torch.testing.assert_close(twice["average"][name], value)


def test_the_host_shows_what_torch_makes_of_the_same_reals(zoo):
    folder = zoo
    found = host.find_attack(str(folder / "attack"), HdaDeepsc())
    golden = np.load(folder / "attack" / "golden.npz")
    reals = golden["reals"] / np.float32(2**0.5)
    noise = np.full(reals.size // 2, np.exp(golden["side"][0, 0]), np.float32)
    got = SymbolsObserved(data=reals[0::2] + 1j * reals[1::2], noise_var=noise)
    (shown,) = found.decode([{"auxiliary": got}], [(64, 64, 3)])
    expected = np.rint(golden["image"][0].clip(0, 1) * 255).transpose(1, 2, 0)
    assert np.mean(np.abs(shown.image - expected)) < 0.1
    (nothing,) = found.decode(
        [{"auxiliary": SymbolsObserved(data=got.data[:0], noise_var=noise[:0])}], [(64, 64, 3)]
    )
    assert (nothing.image == 128).all()


def test_an_eavesdropper_attacks_with_places_guessed_or_told_in_pictures_of_any_size(zoo):
    card = zoo / "attack"
    original, alone = overheard(zoo, "{key: none}")
    _, guessed = overheard(zoo, f"{{attack: {card}}}")
    _, told = overheard(zoo, f"{{attack: {card}, places: told}}")
    shown = [each.eavesdropped.image for each in (alone, guessed, told)]
    assert all(each.shape == original.shape == (120, 200, 3) for each in shown)
    assert not np.array_equal(shown[0], shown[1])
    assert not np.array_equal(shown[1], shown[2])
    np.testing.assert_array_equal(alone.decoded.image, told.decoded.image)
    assert not told.decoded.outage


def test_told_places_are_those_that_the_transmitter_sent(zoo):
    one = scenario(zoo, "false")
    photo = load_images(one.images)[0]
    network = one.codec.network
    found = host.find_attack(str(zoo / "attack"), one.codec)
    draws = one.links["air"].draw(30.0, [(1, "air", photo.sha256, 0)], ())
    granted = one.links["air"].grants([photo.image.size], draws)
    message = one.codec.encode([photo.image], granted)[0]
    delivery = one.links["air"].deliver([message], draws, granted)[0].reception
    got = delivery["auxiliary"]
    places = found._told(got, photo.image.shape, delivery)
    decoded = host.read_essential(network, one.codec.coder, delivery["essential"], photo.image.shape)
    known = network.known(*decoded, photo.image.shape, got.data.size)
    x, _ = network.received(known, decoded[1], got, photo.image.shape)
    touched = x[0, :, :15, :25].reshape(-1)[places]
    reals = np.stack([got.data.real, got.data.imag], -1).reshape(-1)
    np.testing.assert_allclose(touched / np.std(touched), reals / np.std(reals), rtol=1e-3)


def test_a_run_is_named_by_the_network_that_attacks_too(zoo):
    one, none = scenario(zoo, f"{{attack: {zoo / 'attack'}}}"), scenario(zoo, "true")
    assert "start.onnx" in contents(one)["attack"][0]
    assert "attack" not in contents(none)
    assert Point(index=0, values={}, scenario=one).id != Point(index=0, values={}, scenario=none).id


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("{attack: X, key: wrong}", r"eavesdropper\.key: must be none beside an attack, got wrong"),
        ("{places: told}", r"eavesdropper\.places: are told to an attack alone, got none"),
        ("{attack: X, places: all}", r"eavesdropper\.places: .*guessed.*told.*got 'all'"),
    ],
)
def test_an_eavesdropper_that_cannot_be_is_told_in_one_line(zoo, who, told):
    with pytest.raises(ScenarioError, match=told):
        scenario(zoo, who)


def test_an_attack_is_against_one_codec_and_its_network(zoo, tmp_path):
    folder = zoo
    rival = TEXT.replace("{{kind: hda_deepsc, card: {codec}}}", "{{kind: jpeg2000}}").format(
        who="{attack: X}"
    )
    rival = rival.replace("essential:", "picture:").replace(
        "      auxiliary: {kind: analog, share: 1.0}\n", ""
    )
    with pytest.raises(
        ScenarioError, match=r"eavesdropper\.attack: is made for .*got 'jpeg2000'; leave it out"
    ):
        scenario_of(parse(rival, "attacked"))
    fixed = TEXT.replace("card: {codec}", "card: {codec}, placement: nominal")
    with pytest.raises(ScenarioError, match=r"attack: is made for codec\.placement told, got nominal"):
        scenario_of(parse(fixed.format(codec="hda_deepsc", who="{attack: X}"), "attacked"))
    codec = HdaDeepsc()
    with pytest.raises(LinksimError, match=r"eavesdropper\.attack: must name a network in the zoo"):
        host.find_attack(str(tmp_path), codec)
    with pytest.raises(LinksimError, match="must be a card of kind 'hda_attack', got 'hda_deepsc'"):
        host.find_attack(str(ZOO / "hda_deepsc"), codec)
    other = shutil.copytree(folder / "attack", tmp_path / "other")
    text = (other / "card.json").read_text()
    sha = host.find_attack(str(folder / "attack"), codec).card.base["expander.onnx"]
    (other / "card.json").write_text(text.replace(sha, "0" * 64))
    with pytest.raises(LinksimError, match="must be made against the hda_deepsc that the codec has"):
        host.find_attack(str(other), codec)
    (other / "card.json").write_text(text.replace('"rounds"', '"turns"'))
    with pytest.raises(LinksimError, match=r"must have network\.rounds, a number"):
        host.find_attack(str(other), codec)


def test_an_attack_trained_against_another_checkpoint_is_not_exported(zoo, tmp_path):
    folder, log = zoo, zoo / "run" / "log.jsonl"
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.jsonl").write_text(log.read_text().replace('"codec_steps": ', '"codec_steps": 7'))
    with pytest.raises(ValueError, match=r"was trained against step 7\d+, got a card of \d+"):
        export_attack.export("attack", run, folder)


def test_a_recipe_is_as_large_as_a_card_may_be():
    net = attack.Attack(train_attack.RECIPES["hda_attack"].size)
    assert 2 * sum(p.numel() for p in net.parameters()) < 3e6
    assert dataclasses.asdict(net.size)["z_channels"] == CODECS["hda_deepsc"].size.z_channels
