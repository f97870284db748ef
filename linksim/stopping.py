"""When a point of a run has trials enough: rules on counts and intervals, asked at looks fixed beforehand.

A rule that watches its own estimate may catch it on a good day: stopping where few outages were seen, it
would report few. What keeps the reported interval honest is that a point is looked at seldom, each time
after half as many trials again (Jennison and Turnbull, "Group Sequential Methods", 1999, on the cost of
looks), not before `min_trials`, and that a width is asked of the sample with two more outages in it than it
has, and with two more deliveries (two more of both are Agresti and Coull's, "Approximate is better than
'exact'", 1998; that a fixed-width rule needs some, Frey's, "Fixed-width sequential confidence intervals for a
proportion", 2010). Counting to a number of errors is Haldane's inverse sampling (Biometrika 33, 1945);
stopping at a width is Anscombe's ("Sequential estimation", 1953) and Chow and Robbins' (1965), whose coverage
tends to the nominal as the width shrinks. What that comes to is measured in tests/test_stop_rules.py, exactly
for rates: Clopper and Pearson's interval covers 93 to 97 % once about 25 errors are seen, and is never below
93 %; with fewer it covers more, as it does at a fixed size. A mean is within the half-width asked for 95
times in 100 and more, whatever the outages; an interval around few of them, or around few deliveries, a
handful, is too narrow then as at any fixed size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from linksim.intervals import clopper_pearson, student_half_width

SECONDS = "seconds."
"""Columns of a row that begin so sum to the compute time of its trial."""
MIN_TRIALS = 30
UNSEEN = 2
"""Outages, or deliveries, that a width is asked to stand beyond those seen."""
SCORES = {"psnr_db": (10.0, 30.0), "ms_ssim_db": (0.0, 15.0), "mse": (0.1, 0.001)}
"""What an outage scores, about: a flat picture; and a delivery. Other metrics do not suffer from either."""
OUTAGE_RATE, DELIVERED = "outage_rate", "psnr_delivered_db"
MEANS = ("psnr_db", DELIVERED, "mse", "ms_ssim_db", "eve_psnr_db")
"""Metrics whose mean over trials is told; the others are rates."""
SCALE = 2.0**64
"""Values are summed as whole multiples of 1/SCALE, which is exact in any order."""


@dataclass(frozen=True, kw_only=True)
class HalfWidth:
    """Half the width of each named metric's 95 % interval, at most so large; in dB, others as they are."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    psnr_db: float | None = None
    psnr_delivered_db: float | None = None
    mse: float | None = None
    ms_ssim_db: float | None = None
    eve_psnr_db: float | None = None
    outage_rate: float | None = None

    def __post_init__(self) -> None:
        if not self.wanted:
            names = ", ".join(each.name for each in fields(self))
            raise ValueError(f"names no metric; it may be {names}, as psnr_db: 0.1")
        for name, width in self.wanted.items():
            if not width > 0:
                raise ValueError(f"{name}: must be above 0, got {width:g}; as 0.1 for +-0.1")

    @property
    def wanted(self) -> dict[str, float]:
        """metric -> half-width, of the metrics that are named."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: width for name, width in told.items() if width is not None}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When a point ends before `per_image`: at the first look where one of its rules holds.

    block_errors: that many wrong code blocks, over all streams. half_width: every interval named is narrow
    enough. trials: that many, over all pictures. seconds: of computing, summed over all workers; the only
    rule that depends on the machine. min_trials: what the first two wait for.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    block_errors: int | None = None
    half_width: HalfWidth | None = None
    trials: int | None = None
    seconds: float | None = None
    min_trials: int = MIN_TRIALS

    def __post_init__(self) -> None:
        if (self.block_errors, self.half_width, self.trials, self.seconds) == (None,) * 4:
            raise ValueError(
                "names no rule; it may be block_errors, half_width, trials or seconds, as block_errors: 100"
            )
        for name in ("block_errors", "trials", "min_trials"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: must be at least 1, got {value}; leave it out to go without it")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds: must be above 0, got {self.seconds:g}; leave it out for no limit")


def looks(n_images: int, per_image: int, group: int) -> Iterator[int]:
    """Rounds (draws of every image) after which a point is looked at, rising, the last of them `per_image`.

    A look comes at the end of a group of `group` rounds, the first that holds MIN_TRIALS trials or more,
    then after half as many again. They depend on nothing that a run finds.

    >>> list(looks(n_images=4, per_image=100, group=8))
    [8, 16, 24, 40, 64, 96, 100]
    >>> list(looks(n_images=1, per_image=100, group=8))
    [32, 48, 72, 100]
    """
    groups = max(1, -(-MIN_TRIALS // (n_images * group)))
    while groups * group < per_image:
        yield groups * group
        groups += -(-groups // 2)
    yield per_image


def reason(stop: Stop | None, tally: Tally) -> str | None:
    """Why the point ends here: 'block errors', 'half width', 'trials', 'seconds'; None while it goes on."""
    if stop is None:
        return None
    if tally.n >= stop.min_trials:
        if stop.block_errors is not None and tally.block_errors >= stop.block_errors:
            return "block errors"
        if stop.half_width is not None and all(
            tally.cautious(name) <= width for name, width in stop.half_width.wanted.items()
        ):
            return "half width"
    if stop.trials is not None and tally.n >= stop.trials:
        return "trials"
    if stop.seconds is not None and tally.seconds >= stop.seconds:
        return "seconds"
    return None


@dataclass
class Moments:
    """Sums of values and of their squares, exact whatever the order; infinite ones are counted."""

    n: int = 0
    infinite: int = 0
    total: int = 0
    squares: int = 0

    def add(self, value: float) -> None:
        if math.isinf(value):
            self.infinite += 1
            return
        fixed = round(value * SCALE)
        self.n += 1
        self.total += fixed
        self.squares += fixed * fixed

    @property
    def mean(self) -> float:
        """Of what was added; inf where an infinite value was, nan where nothing was."""
        if self.infinite:
            return math.inf
        return self.total / self.n / SCALE if self.n else math.nan

    @property
    def deviation(self) -> float:
        """The sample's standard deviation, with n - 1; nan below two values or with an infinite one."""
        if self.infinite or self.n < 2:
            return math.nan
        return math.sqrt((self.n * self.squares - self.total**2) / (self.n * (self.n - 1))) / SCALE


@dataclass
class Tally:
    """What a point's trials came to, as sums: the same for the same trials in any order and any units.

    A trial must be taken once. n: trials. blocks, block_errors: code blocks over all streams, and the wrong
    ones. seconds: of computing.
    """

    n: int = 0
    outages: int = 0
    blocks: int = 0
    block_errors: int = 0
    moments: dict[str, Moments] = field(default_factory=lambda: {name: Moments() for name in MEANS})
    _nanoseconds: int = 0

    def take(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add the rows of a unit. A metric that a row has not, or as None or nan, is left out."""
        for row in rows:
            lost = bool(row["outage"])
            self.n += 1
            self.outages += lost
            self.blocks += int(row["blocks"])
            self.block_errors += int(row["block_errors"])
            values = {name: row.get(name) for name in MEANS}
            values[DELIVERED] = None if lost else row.get("psnr_db")
            for name, value in values.items():
                if value is not None and not math.isnan(value):
                    self.moments[name].add(value)
            self._nanoseconds += sum(
                round(1e9 * value) for name, value in row.items() if name.startswith(SECONDS) and value
            )

    @property
    def seconds(self) -> float:
        return self._nanoseconds / 1e9

    def mean(self, metric: str) -> float:
        """Mean of a metric over its trials, or the outage rate; nan where nothing is known."""
        if metric == OUTAGE_RATE:
            return self.outages / self.n if self.n else math.nan
        return self.moments[metric].mean

    def half_width(self, metric: str) -> float:
        """Half the width of the metric's 95 % interval; nan where there is none, as around an infinite mean.

        outage_rate: half of what Clopper and Pearson's limits are apart. Means: Student's, which the
        resampled interval of a table is within a few percent of from 30 trials on.
        """
        if metric == OUTAGE_RATE:
            return _rate_half_width(self.outages, self.n)
        moments = self.moments[metric]
        return student_half_width(moments.deviation, moments.n)

    def cautious(self, metric: str) -> float:
        """What half_width would be had UNSEEN more trials been outages, or deliveries: the larger of the two,
        which a rule asks to be small.

        Where no code block was sent there are no outages, and it is `half_width`.
        """
        if metric == OUTAGE_RATE:
            counts = min(self.n, self.outages + UNSEEN), max(0, self.outages - UNSEEN)
            return max(_rate_half_width(count, self.n) for count in counts)
        moments = self.moments[metric]
        if not self.blocks or metric not in SCORES or not moments.n:
            return self.half_width(metric)
        n, away = moments.n + UNSEEN, max(abs(score - moments.mean) for score in SCORES[metric])
        squares = moments.deviation**2 * (moments.n - 1) + away**2 * moments.n * UNSEEN / n
        return student_half_width(math.sqrt(squares / (n - 1)), n)


def _rate_half_width(errors: int, n: int) -> float:
    low, high = clopper_pearson(errors, n)
    return float(high - low) / 2
