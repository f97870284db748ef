"""Learning rates of recipes, in closed form; where rate control has bits to spare."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models import twin  # noqa: E402
from models.run import Schedule, warm_cosine  # noqa: E402


def test_a_learning_rate_warms_up_falls_and_may_do_so_again():
    schedule = Schedule(steps=100, decay=20, lr=1.0, warm=10, again=((60, 0.5),))
    rates = [schedule.learning_rate(step) for step in range(100)]
    assert rates[:11] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0])
    assert (rates[40], rates[50], rates[59]) == pytest.approx((1.0, 0.5, 0.05))
    assert (rates[60], rates[69], rates[80], rates[99]) == pytest.approx((0.05, 0.3875, 0.25, 0.0125))
    once = Schedule(steps=100, decay=20, lr=1.0, warm=10)
    assert [once.learning_rate(step) for step in (79, 80, 90)] == pytest.approx([1.0, 1.0, 0.5])
    assert once.learning_rate(99) == pytest.approx(0.05)


def test_a_cosine_warms_up_and_ends_at_zero():
    assert [warm_cosine(step, 100, 4) for step in (0, 1, 50, 100)] == pytest.approx(
        [0.25, 0.5 * (1 + np.cos(np.pi / 100)) / 2, 0.5, 0.0]
    )


def test_only_the_last_step_of_rate_control_is_the_finest():
    low, high = twin.LOG2_STEPS
    last = low + (high - low) / 2**twin.ROUNDS
    assert twin.is_finest(torch.tensor(2.0**last))
    assert not twin.is_finest(torch.tensor(2.0 ** (2 * last - low)))
