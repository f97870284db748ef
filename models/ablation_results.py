"""The table of an ablation: of the runs that are finished, their quality, and what each variant gains.

A run is a folder VARIANT_SEED with a `log.jsonl`, as `models.run` writes it.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

Row = Mapping[str, Any]
QUALITIES = ("psnr", "ms_ssim")


def run_folder(folder: Path, variant: str, seed: int) -> Path:
    return folder / f"{variant}_{seed}"


def lines_of(run: Path) -> list[dict[str, Any]]:
    """The log of a run; nothing where it has not begun."""
    path = run / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def measured(line: Row) -> dict[str, Any]:
    """What a line of a log, or a row, tells of quality: `psnr_db`, `psnr_10_db`, `ms_ssim_db` ..."""
    return {key: value for key, value in line.items() if key.endswith("_db") and key.startswith(QUALITIES)}


def result_of(run: Path, steps: int) -> dict[str, Any]:
    """The last measurement of a run after so many steps; empty where it is not there yet."""
    found = [line for line in lines_of(run) if line["step"] == steps and measured(line)]
    return found[-1] if found else {}


def rows_of(folder: Path, variants: Sequence[str], seeds: int, steps: int) -> list[dict[str, Any]]:
    """A row for each run that is finished, variant by variant."""
    rows = []
    for variant in variants:
        for seed in range(1, seeds + 1):
            run = run_folder(folder, variant, seed)
            if result := result_of(run, steps):
                first = lines_of(run)[0]
                at_start = {f"start_{key}": value for key, value in measured(first).items()}
                facts = {"variant": variant, "seed": seed, "steps": steps, "seconds": result["seconds"]}
                rows.append({**facts, "parameters": first["parameters"], **at_start, **measured(result)})
    return rows


def interval(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and the half-width of its 95 % interval by Student's t; None for one value.

    >>> interval([1.0, 2.0, 3.0])
    (2.0, 2.484)
    """
    n = len(values)
    half = student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n) if n > 1 else None
    return round(float(np.mean(values)), 3), None if half is None else round(float(half), 3)


def summary(rows: Sequence[Row], first: str) -> dict[str, dict[str, Any]]:
    """Of each variant its seeds, mean seconds, and each quality as (mean, half-width).

    gain: over the variant `first`, differences taken within each seed that both have.
    """
    base, out = {row["seed"]: row for row in rows if row["variant"] == first}, {}
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        both, keys = [row for row in own if row["seed"] in base], list(measured(own[0]))
        out[variant] = {
            "seeds": [row["seed"] for row in own],
            "seconds": round(float(np.mean([row["seconds"] for row in own]))),
            **{key: interval([row[key] for row in own]) for key in keys},
        }
        if both and variant != first:
            out[variant]["gain"] = {
                key: interval([row[key] - base[row["seed"]][key] for row in both]) for key in keys
            }
    return out


def write_table(rows: Sequence[Row], out: Path) -> None:
    """Rows as CSV."""
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write(rows: Sequence[Row], first: str, facts: Row, folder: Path) -> None:
    """results.csv, a row a run, and results.json: the facts, and the summary."""
    write_table(rows, folder / "results.csv")
    told = {**facts, "variants": summary(rows, first)}
    (folder / "results.json").write_text(json.dumps(told, indent=1) + "\n")


def scores_told(rows: Sequence[Row], first: str) -> Iterator[str]:
    """Rows of photos in words: of each variant the mean of every quality over seeds and photos, in brackets
    its gain on `first` with its 95 % interval over photos, each the mean over seeds.
    """
    found = {(row["variant"], row["seed"], row["photo"]): row for row in rows}
    keys, photos = list(measured(rows[0])), sorted({row["photo"] for row in rows})
    for variant in dict.fromkeys(row["variant"] for row in rows):
        seeds = [
            n
            for n in sorted({row["seed"] for row in rows})
            if {(variant, n, 1), (first, n, 1)} <= found.keys()
        ]
        cells = [f"{variant:18}{len(seeds)} x {len(photos)} photos"]
        for key in keys if seeds else ():
            own, base = (
                np.array([[found[each, seed, photo][key] for photo in photos] for seed in seeds]).mean(0)
                for each in (variant, first)
            )
            gain = "" if variant == first else f" ({_text(interval((own - base).tolist()), '+')})"
            cells.append(f"{key} {own.mean():.2f}{gain}")
        yield "   ".join(cells)


def told(rows: Sequence[Row], first: str) -> Iterator[str]:
    """The summary in words, a line a variant: each quality, and in brackets its gain."""
    for variant, facts in summary(rows, first).items():
        cells = [f"{variant:18}{len(facts['seeds'])} x {facts['seconds']} s"]
        for key in measured(facts):
            gain = facts.get("gain", {}).get(key)
            cells.append(f"{key} {_text(facts[key])}" + (f" ({_text(gain, '+')})" if gain else ""))
        yield "   ".join(cells)


def _text(value: tuple[float, float | None], sign: str = "") -> str:
    mean, half = value
    return f"{mean:{sign}.2f}" + ("" if half is None else f" +- {half:.2f}")
