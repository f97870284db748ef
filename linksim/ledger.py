"""The columns of a result row that tell what a frame was spent on, and what became of it.

air.n_uses  air.pilots  air.energy  air.gain                                             one link
air.picture.uses  .bits_per_use  .mcs  .data .signalling ... .fill  .blocks .block_errors .bits .bit_errors
    .energy .peak .papr_db
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from phy.ledger import CATEGORIES, Ledger, StreamLedger

Value = str | int | float | bool | None

USES = ("pilots", *CATEGORIES)
"""Channel uses of a trial by category, over all links: they sum to `n_uses`."""


def columns(ledgers: Mapping[str, Ledger]) -> dict[str, Value]:
    """The accounts of one trial, flat: every link's and stream's counts, and the sums over all of them.

    `gain` is the mean |h|^2 over every use of every stream; `uses.data` counts the payload's channel uses, a
    fraction where a use holds bits of several categories.
    """
    row: dict[str, Value] = {"n_uses": sum(ledger.n_uses for ledger in ledgers.values())}
    for name in USES:
        row[f"uses.{name}"] = float(sum(each.uses_by_category()[name] for each in ledgers.values()))
    accounts = [stream for ledger in ledgers.values() for stream in ledger.streams.values()]
    row |= {name: sum(getattr(each, name) for each in accounts) for name in ("blocks", "block_errors")}
    row["gain"] = _mean_gain(accounts)
    for link, ledger in ledgers.items():
        row |= {f"{link}.{name}": getattr(ledger, name) for name in ("n_uses", "pilots", "energy")}
        row[f"{link}.gain"] = _mean_gain(list(ledger.streams.values()))
        for stream, account in ledger.streams.items():
            row |= {f"{link}.{stream}.{each.name}": getattr(account, each.name) for each in fields(account)}
            row[f"{link}.{stream}.papr_db"] = account.papr_db
    return row


def _mean_gain(accounts: list[StreamLedger]) -> float:
    uses = sum(each.uses for each in accounts)
    return sum(each.gain * each.uses for each in accounts) / uses if uses else 0.0
