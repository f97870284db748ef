"""A training run on disk, whatever it trains: `state.pt` to go on from, `log.jsonl` to read. Its command."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

WEIGHTS = Path(__file__).parent / "weights"
"""What trained networks were, for others to begin with."""
CHECKPOINT_S = 300
EMA_HALF_LIFE = 500


Found = TypeVar("Found")


class Average:
    """Exponential moving average of the weights; what is exported."""

    def __init__(self, net: nn.Module) -> None:
        self.weights = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        keep = min(0.5 ** (1 / EMA_HALF_LIFE), (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - keep)


def warm_cosine(step: int, steps: int, warm: int) -> float:
    """The share of a learning rate that rises over `warm` steps and falls as a cosine to 0 at `steps`."""
    return min(1.0, (step + 1) / warm) * (1 + math.cos(math.pi * step / steps)) / 2


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Steps and their learning rate: it warms up over `warm` steps, stays at `lr`, falls linearly over the
    last `decay` to a hundredth. again: (step, rate) where it warms up once more, to that rate, and falls to
    the next of them or the end.
    """

    steps: int
    decay: int
    lr: float
    warm: int = 100
    again: tuple[tuple[int, float], ...] = ()

    def begin(self, step: int) -> int:
        """The step at which the warming up began that a step comes after."""
        return 0

    def learning_rate(self, step: int) -> float:
        ends = [first for first, _ in self.again] + [self.steps]
        past = sum(step >= end for end in ends[:-1])
        if past:
            (first, lr), end = self.again[past - 1], ends[past]
            decay = end - first
        else:
            first, lr, decay, end = self.begin(step), self.lr, self.decay, ends[0]
        return lr * min(1.0, (step - first + 1) / self.warm) * max(min(1.0, (end - step) / decay), 0.01)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights that an export kept in an .npz, as float32."""
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]).float() for name in file.files}


class Run:
    """A network in training, its averaged weights, its optimiser. `seconds` count over all its sittings."""

    def __init__(self, net: nn.Module, folder: Path) -> None:
        self.net, self.folder = net, folder
        self.average, self.step, self.stage = Average(net), 0, 0
        self.optimiser: torch.optim.Optimizer | None = None
        self.saved_optimiser: tuple[int, dict] | None = None
        self.spent, self.began, self.last_save = 0.0, time.time(), time.time()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def sitting(self) -> float:
        """Seconds since this sitting began."""
        return time.time() - self.began

    @property
    def seconds(self) -> float:
        return self.spent + time.time() - self.began

    def restore(self) -> bool:
        """Go on from `state.pt`, the optimiser too where there is one; False where there is no such file."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        saved = torch.load(path, weights_only=True)
        fill(self.net, saved["net"], path)
        self.average.weights, self.step, self.spent = saved["average"], saved["step"], saved["seconds"]
        if self.optimiser:
            self.optimiser.load_state_dict(saved["optimiser"])
        else:
            self.saved_optimiser = saved["stage"], saved["optimiser"]
        return True

    def average_from_here(self) -> None:
        """The average begins at the weights as they are."""
        self.average = Average(self.net)

    def start_from(self, weights: Path, step: int) -> None:
        """Begin at a step with the weights that an export kept."""
        fill(self.net, read_weights(weights), weights)
        self.average_from_here()
        self.step = step

    def save(self) -> None:
        """Put `state.pt`, whole or not at all."""
        state = {"net": self.net.state_dict(), "average": self.average.weights, "step": self.step}
        state |= {"optimiser": self.optimiser.state_dict(), "stage": self.stage, "seconds": self.seconds}
        torch.save(state, self.folder / "state.tmp")
        (self.folder / "state.tmp").rename(self.folder / "state.pt")
        self.last_save = time.time()

    def say(self, **what: object) -> None:
        """One line of JSON on the screen and in the log."""
        line = json.dumps({"step": self.step, "seconds": round(self.seconds), **what})
        print(line, flush=True)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(line + "\n")

    def with_average(self, measure: Callable[[], Found]) -> Found:
        """What `measure` finds while the network holds its averaged weights; the live ones come back."""
        kept = {name: value.clone() for name, value in self.net.state_dict().items()}
        self.net.load_state_dict(self.average.weights)
        found = measure()
        self.net.load_state_dict(kept)
        return found

    def save_if_due(self) -> None:
        """A checkpoint every `CHECKPOINT_S` seconds."""
        if time.time() - self.last_save > CHECKPOINT_S:
            self.save()

    def drive(
        self,
        take_step: Callable[[], dict],
        measure: Callable[[], dict],
        *,
        steps: int,
        stop_at: int | None,
        minutes: float,
        log_every: int,
        measure_every: int,
    ) -> None:
        """Take steps to the last of `steps`, to `stop_at`, or for `minutes` of this sitting.

        take_step: does one and tells facts of it, for the log. measure: of the averaged weights, at every
        `measure_every` steps and after the last. Leaves a checkpoint.
        """
        while self.step < min(steps, stop_at or steps) and self.sitting < 60 * minutes:
            facts = take_step()
            if self.step % log_every == 0:
                self.say(**facts)
            if self.step % measure_every == 0 or self.step == steps:
                self.say(**self.with_average(measure))
            self.save_if_due()
        if self.optimiser:
            self.save()

    def learn_at(self, rate: float) -> None:
        """The learning rate of the next step; a group of parameters may take a share of it."""
        assert self.optimiser is not None
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("share", 1.0)

    def descend(self, loss: torch.Tensor, clip: float) -> float:
        """One step of the optimiser, left out where a gradient is not finite; the gradient's norm."""
        assert self.optimiser is not None
        moved = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(moved, clip)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        self.average.update(self.net, self.step)
        return norm.item()


def fill(net: nn.Module, weights: Mapping[str, torch.Tensor], file: Path) -> None:
    """Put the weights that a file held into the network. Raises ValueError where they are another's."""
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        wrong = str(error).splitlines()[1:2] or [str(error)]
        raise ValueError(
            f"{file}: must hold the weights of this recipe's network; {wrong[0].strip()}; "
            "train anew, or name another file"
        ) from error


@contextmanager
def ending_in_a_line() -> Iterator[None]:
    """What its user can mend ends a command in one line and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        file = error.filename if isinstance(error, OSError) else None
        told = f"{file}: {error.strerror}" if file else " ".join(str(error).split())
        sys.stderr.write(f"{told}\n")
        sys.exit(2)


def training_parser(doc: str | None, recipes: Iterable[str], threads: int = 2) -> argparse.ArgumentParser:
    """The command line of a training: RECIPE, and the options that all of them have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(recipes))
    parser.add_argument("--folder", type=Path, help="where checkpoints and the log go (checkpoints/RECIPE)")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop, with a checkpoint, after this long")
    parser.add_argument("--threads", type=int, default=threads)
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was given, its folder filled in, torch held to its threads."""
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.folder = given.folder or Path("checkpoints") / given.recipe
    return given
