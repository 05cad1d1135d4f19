"""Models pay for their own bytes, by one rule."""

from __future__ import annotations

from baler_root.training.model_cost import MARGIN, pays_for_itself


def test_a_model_must_save_more_than_it_takes() -> None:
    assert MARGIN == 1.25  # docs/design/decisions/0006-models-pay-for-themselves.md
    assert pays_for_itself(1250, 1000)
    assert not pays_for_itself(1249, 1000)
    assert not pays_for_itself(-1, 0)
