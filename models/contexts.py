"""Contexts for the entropy coder of a card: fitted after training, on what its tables leave of z_D.

    python -m models.contexts CARD_FOLDER --data FOLDER [FOLDER ...] [--photos 200]

Channels are coded in groups, those of largest variance first. The spread of channel c at a place is guessed
as s = sum of w |q| over the earlier groups there and around it, w >= 0, by the maximum likelihood of a
Laplace density, for which sum log s + |q| / s falls with every multiplicative step (Itakura-Saito
factorisation, Fevotte et al. 2009). Quantiles of s are the contexts; each has the offset to the step's index
under whose tables its integers are shortest. `linksim.codecs.contexts` says how they are used. Everything
written is whole numbers.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.card import CARD, CardError, find_folder, open_card, read_card, sha256, write_card

GROUPS, LARGEST_GROUP = (4, 4, 8, 16), 32
"""Channels of the first groups, and of all others."""
LARGEST, SCALE_BITS, WEIGHT_BITS = 1 << 12, 14, 14
FIT_LOG2_STEP = -0.5
"""Weights are fitted at this step: finer ones cost bits that no link grants, coarser ones leave zeros."""
STEPS_FITTED = (0.25, 0.75)
"""Of an octave of steps, where offsets are fitted."""
REACH = 64
ITERATIONS = 40
ESCAPE_BITS = 32
Arrays = Mapping[str, NDArray]


def fit_contexts(
    tables: Arrays,
    z_ds: Sequence[NDArray[np.float32]],
    log2_step_first: float,
    steps_per_octave: int,
    n_contexts: int = 12,
) -> dict[str, NDArray]:
    """The arrays that join `tables` (start, low, frequency) in a card's entropy.npz.

    z_ds: z_D of photographs, float32 [D, h, w] of any h and w. Raises ValueError without any.
    """
    if not z_ds:
        raise ValueError("z_ds: must hold photographs to fit on, got none; give more data")
    n_steps = len(tables["low"])
    group = groups_of(np.mean([np.mean(np.square(z, dtype=np.float64), axis=(1, 2)) for z in z_ds], axis=0))
    level = np.arange(n_steps) // steps_per_octave
    scale = np.rint(2 ** (SCALE_BITS + np.arange(n_steps) % steps_per_octave / steps_per_octave))
    weight = fit_weights(quantised(z_ds, FIT_LOG2_STEP), group)
    thresholds, offsets = [], []
    for octave in range(level[-1] + 1):
        steps = [int((octave + part) * steps_per_octave) for part in STEPS_FITTED]
        steps = [min(step, n_steps - 1) for step in steps]
        seen = [quantised(z_ds, log2_step_first + step / steps_per_octave) for step in steps]
        activity = [
            activities(qs, weight) * int(scale[step]) >> SCALE_BITS
            for qs, step in zip(seen, steps, strict=True)
        ]
        limits = edges(np.concatenate(activity, axis=1), n_contexts)
        thresholds.append(limits)
        fitted, (own, chosen) = fit_offsets(tables, seen, activity, steps, limits)
        offsets.append(fitted)
        step = 2.0 ** (log2_step_first + steps[0] / steps_per_octave)
        print(f"step {step:.3g}: {own:.0f} bits, {1 - chosen / own:.1%} fewer with contexts", flush=True)
    return {
        "group": group.astype(np.int16),
        "weight": weight.astype(np.int16),
        "level": level.astype(np.int16),
        "scale": scale.astype(np.int32),
        "threshold": np.stack(thresholds),
        "offset": np.stack(offsets).astype(np.int8),
    }


def groups_of(variance: NDArray[np.float64]) -> NDArray[np.int64]:
    """The group of every channel [D], 0 being coded first: those of largest variance."""
    ends, rank = np.cumsum(GROUPS), np.argsort(np.argsort(-variance, kind="stable"))
    later = len(GROUPS) + (rank - ends[-1]) // LARGEST_GROUP
    return np.where(rank < ends[-1], np.searchsorted(ends, rank, side="right"), later)


def quantised(z_ds: Sequence[NDArray[np.float32]], log2_step: float) -> list[NDArray[np.int64]]:
    """q of every photograph at a step."""
    return [np.rint(z * np.float32(2.0**-log2_step)).astype(np.int64) for z in z_ds]


def surroundings(q: NDArray[np.int64]) -> NDArray[np.float32]:
    """|q| and the sum of |q| over the 8 neighbours, [2, D, places]."""
    size = np.minimum(np.abs(q), LARGEST).astype(np.float32)
    padded, (height, width) = np.pad(size, ((0, 0), (1, 1), (1, 1))), q.shape[1:]
    window = sum(padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3))
    return np.stack([size, window - size]).reshape(2, len(q), -1)


def activities(qs: Sequence[NDArray[np.int64]], weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """The weighted sums of the surroundings, exact, [D, places of all photographs]."""
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    each = [flat @ surroundings(q).reshape(flat.shape[1], -1).astype(np.float64) for q in qs]
    return np.concatenate(each, axis=1).astype(np.int64)


def fit_weights(qs: Sequence[NDArray[np.int64]], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """weight [D, 2, D], the largest of each channel 2^WEIGHT_BITS, 0 where no channel is earlier."""
    around = np.concatenate([surroundings(q) for q in qs], axis=2)
    weight = np.zeros((len(group), 2, len(group)))
    for g in range(1, group.max() + 1):
        rows, before = np.flatnonzero(group == g), np.flatnonzero(group < g)
        known = around[:, before].reshape(2 * len(before), -1)
        known = np.concatenate([known, np.ones((1, known.shape[1]), np.float32)]) + np.float32(1e-6)
        size = around[0, rows] + np.float32(0.05)
        guess = size.mean(1, keepdims=True) / (known.mean(1) * len(known))
        for _ in range(ITERATIONS):
            spread = guess @ known
            guess *= np.sqrt((size / spread**2) @ known.T / ((1 / spread) @ known.T))
        # the constant shifts every sum alike: thresholds take it up
        whole = np.rint(guess[:, :-1] / guess[:, :-1].max(1, keepdims=True) * 2**WEIGHT_BITS)
        weight[np.ix_(rows, [0, 1], before)] = whole.reshape(len(rows), 2, -1)
    return weight.astype(np.int64)


def edges(activity: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Thresholds [D, n - 1] between n contexts that are met alike often."""
    return np.quantile(activity, np.arange(1, n) / n, axis=1, method="higher").T.astype(np.int64)


def fit_offsets(
    tables: Arrays,
    seen: Sequence[Sequence[NDArray[np.int64]]],
    activity: Sequence[NDArray[np.int64]],
    steps: Sequence[int],
    limits: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The offset [D, K] of each context that makes what was seen at some steps shortest, and its bits without
    offsets and with these.
    """
    channels, n = limits.shape[0], limits.shape[1] + 1
    offsets = np.asarray(sorted(range(-REACH, REACH + 1), key=abs))  # of equals the first, so 0, is taken
    flat = [np.concatenate([q.reshape(channels, -1) for q in qs], axis=1) for qs in seen]
    best, spent = np.zeros((channels, n), np.int64), np.zeros(2)
    for c in range(channels):
        bits = np.zeros((n, len(offsets)))
        for q, sums, step in zip(flat, activity, steps, strict=True):
            reach = int(np.abs(q[c]).max())
            k = np.searchsorted(limits[c], sums[c], side="right")
            counts = np.bincount(k * (2 * reach + 1) + q[c] + reach, minlength=n * (2 * reach + 1))
            at, which = np.unique(np.clip(step + offsets, 0, len(tables["low"]) - 1), return_inverse=True)
            lengths = np.stack([code_lengths(tables, int(i), c, reach) for i in at])
            bits += (counts.reshape(n, -1) @ lengths.T)[:, which]
        best[c] = offsets[bits.argmin(1)]
        spent += bits[:, 0].sum(), bits.min(1).sum()
    return best, spent


def code_lengths(tables: Arrays, step: int, channel: int, reach: int) -> NDArray[np.float64]:
    """Bits of the integers -reach ... reach under one table, escapes included."""
    low = int(tables["low"][step, channel])
    at = step * tables["low"].shape[1] + channel
    bits = -np.log2(tables["frequency"][tables["start"][at] : tables["start"][at + 1]].astype(np.float64))
    bits -= -np.log2(np.exp2(-bits).sum())
    index = np.arange(-reach, reach + 1) - low
    outside = (index < 0) | (index >= len(bits) - 1)
    return np.where(outside, bits[-1] + ESCAPE_BITS, bits[np.where(outside, 0, index)])


def z_d_of(folder: Path, data: Sequence[Path], most: int) -> list[NDArray[np.float32]]:
    """z_D of photographs under folders, `most` of them, evenly spread over all."""
    from models.data import load_photos
    from models.exporting import opened

    multiple = int(open_card(folder).network["image_multiple"])
    photos, encoder = load_photos(list(data), multiple), opened(folder / "encoder.onnx")
    z_ds = []
    for i in np.unique(np.linspace(0, len(photos) - 1, min(most, len(photos))).astype(int)):
        pad = [(0, -side % multiple) for side in photos[i].shape[:2]]
        padded = np.pad(photos[i], [*pad, (0, 0)], mode="edge")
        image = padded.transpose(2, 0, 1)[None].astype(np.float32) / 255
        z_ds.append(encoder.run(["z_d"], {"image": image})[0][0])
    return z_ds


def add_contexts(folder: Path, data: Sequence[Path], most: int) -> int:
    """Fit contexts and write them, and their checksum, into a card's folder; how many photographs were used.

    Raises CardError where the folder is no card of HDA-DeepSC.
    """
    card, path = read_card(folder, "hda_deepsc"), folder / "entropy.npz"
    with np.load(path, allow_pickle=False) as file:
        tables = {name: file[name] for name in ("start", "low", "frequency")}
    z_ds = z_d_of(folder, data, most)
    first, per_octave = card.network["log2_step_first"], int(card.network["steps_per_octave"])
    fitted = fit_contexts(tables, z_ds, first, per_octave)
    np.savez_compressed(path, **tables, **fitted)
    card.files["entropy.npz"] = sha256(path)
    write_card(card, folder)
    return len(z_ds)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("card", type=Path, help=f"a folder with {CARD}; its entropy.npz is replaced")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of photographs")
    parser.add_argument("--photos", type=int, default=200, help="how many to fit on (default 200)")
    given = parser.parse_args(argv)
    try:
        folder = find_folder(str(given.card))
        n = add_contexts(folder, given.data, given.photos)
    except (CardError, ValueError) as error:
        parser.error(str(error))
    print(f"{folder / 'entropy.npz'}: contexts of {n} photos")


if __name__ == "__main__":
    main()
