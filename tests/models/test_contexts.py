"""Contexts of the entropy coder: fitted to what channels tell of each other, and read alike by the host."""

import json

import numpy as np
import pytest

from linksim.codecs.contexts import SCALE_BITS, Contexts, surroundings
from linksim.codecs.entropy import EntropyTables
from models import contexts
from models.card import CARD, ZOO
from models.contexts import activities, fit_contexts, groups_of, main

CHANNELS, STEPS, PER_OCTAVE, FIRST = 12, 8, 4, -1.0


def laplace_tables() -> dict[str, np.ndarray]:
    """Of every step the probabilities of Laplace's density of deviation 1, alike for all channels."""
    start, low, frequency = [0], [], []
    for i in range(STEPS):
        step = 2.0 ** (FIRST + i / PER_OCTAVE)
        q = np.arange(-20, 21)
        cumulative = lambda x: np.where(x < 0, np.exp(x) / 2, 1 - np.exp(-x) / 2)  # noqa: E731
        p = cumulative((q + 0.5) * step * np.sqrt(2)) - cumulative((q - 0.5) * step * np.sqrt(2))
        counts = np.append(np.floor(p * (65536 - 60)).astype(np.int64) + 1, 1)
        counts[20] += 65536 - counts.sum()
        for _ in range(CHANNELS):
            frequency.append(counts)
            low.append(-20)
            start.append(start[-1] + len(counts))
    return {
        "start": np.asarray(start), "low": np.asarray(low, np.int32).reshape(STEPS, CHANNELS),
        "frequency": np.concatenate(frequency).astype(np.uint16),
    }  # fmt: skip


def pictures(n: int, seed: int, *, common: bool) -> list[np.ndarray]:
    """z_D whose channels share, or do not share, a spread that differs from place to place."""
    rng = np.random.default_rng(seed)
    shape = (1 if common else CHANNELS, 12, 14)
    return [
        (rng.laplace(size=(CHANNELS, 12, 14)) / np.sqrt(2) * np.exp2(rng.normal(0, 1, shape))).astype(
            np.float32
        )
        for _ in range(n)
    ]


def host(tables: dict, fitted: dict | None) -> EntropyTables:
    whole = {name: value.astype(np.int64) for name, value in tables.items()}
    chosen = Contexts(**{name: value.astype(np.int64) for name, value in fitted.items()}) if fitted else None
    return EntropyTables(**whole | {"low": tables["low"]}, contexts=chosen)


def saved(fitted: dict, tables: dict, z_ds: list[np.ndarray], step: int) -> float:
    qs = [np.rint(z * 2.0 ** -(FIRST + step / PER_OCTAVE)).astype(np.int32) for z in z_ds]
    plain, chosen = host(tables, None), host(tables, fitted)
    return 1 - sum(chosen.bits(q, step) for q in qs) / sum(plain.bits(q, step) for q in qs)


def test_contexts_shorten_what_shares_its_spread_and_lengthen_nothing_else():
    tables, gains = laplace_tables(), {}
    for common in (True, False):
        fitted = fit_contexts(tables, pictures(40, 1, common=common), FIRST, PER_OCTAVE, 6)
        unseen = pictures(10, 2, common=common)
        gains[common] = np.asarray([saved(fitted, tables, unseen, step) for step in (1, 3, 5)])
    # the tables are of one spread, the pictures of many: a shift that is the same everywhere saves bits, too
    assert np.all(gains[False] > -0.005)
    assert np.all(gains[True] > 2 * gains[False])


def test_the_host_reads_the_contexts_that_were_fitted():
    tables, z_ds = laplace_tables(), pictures(6, 1, common=True)
    fitted = fit_contexts(tables, z_ds, FIRST, PER_OCTAVE, 6)
    read, step, q = host(tables, fitted).contexts, 6, np.rint(z_ds[0] * 2).astype(np.int32)
    activity = activities([q], fitted["weight"].astype(np.int64)) * int(fitted["scale"][step]) >> SCALE_BITS
    for g, rows in enumerate(read.groups):
        got = read.offsets(g, step, surroundings(q))
        for row, c in zip(got, rows, strict=True):
            k = np.searchsorted(fitted["threshold"][1, c], activity[c], side="right")
            assert np.array_equal(row, fitted["offset"][1, c, k])


def test_groups_hold_every_channel_once_and_widest_first():
    group = groups_of(np.random.default_rng(1).permutation(np.arange(100) + 1.0))
    assert np.bincount(group).tolist() == [4, 4, 8, 16, 32, 32, 4]
    variance = np.arange(1.0, 101)
    assert np.all(np.diff(groups_of(variance)) <= 0)


def test_fitting_without_photographs_is_told():
    with pytest.raises(ValueError, match="z_ds: must hold photographs"):
        fit_contexts(laplace_tables(), [], FIRST, PER_OCTAVE)


def test_a_card_gains_contexts_and_their_checksum(tmp_path, monkeypatch, capsys):
    import shutil

    from linksim.codecs.network import find_network

    shutil.copytree(ZOO / "hda_deepsc", tmp_path / "card")
    rng = np.random.default_rng(1)
    z_ds = [rng.laplace(size=(256, 4, 6)).astype(np.float32) for _ in range(3)]
    monkeypatch.setattr(contexts, "z_d_of", lambda *_: z_ds)
    monkeypatch.setattr(contexts, "REACH", 4)
    main([str(tmp_path / "card"), "--data", str(tmp_path)])
    assert "contexts of 3 photos" in capsys.readouterr().out
    network = find_network(str(tmp_path / "card"))
    q = np.rint(z_ds[0] * 2).astype(np.int32)
    words = network.tables.encode(q, 64)
    assert network.tables.contexts is not None
    assert np.array_equal(network.tables.decode(words, 64, q.shape), q)
    (tmp_path / "card" / CARD).write_text(json.dumps({"name": "x"}))
    with pytest.raises(SystemExit) as raised:
        main([str(tmp_path / "card"), "--data", str(tmp_path)])
    assert raised.value.code == 2
    assert "must be a card in JSON" in capsys.readouterr().err
