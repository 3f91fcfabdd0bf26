"""`training.evaluate` and `training.calibrate`: figures that can be worked out by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from model.description import AS_PIXELS
from training.calibrate import HIGHEST, LOWEST, fit_temperature
from training.data import Digits
from training.evaluate import (
    count_errors,
    expected_calibration_error,
    negative_log_likelihood,
    predict_logits,
)


def confident(probability: float, count: int) -> Tensor:
    """Logits (N, 10) that give class 0 this probability and share the rest evenly."""
    rest = math.log((1 - probability) / 9)
    return torch.tensor([[math.log(probability)] + [rest] * 9] * count)


def test_logits_come_in_order_and_without_dropout() -> None:
    class FirstPixel(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            assert not self.training
            return images[:, :, 0, 0].expand(-1, 10)

    images = torch.zeros(2500, 28, 28, dtype=torch.uint8)
    images[:, 0, 0] = torch.arange(2500) % 256
    digits = Digits(images, torch.zeros(2500, dtype=torch.int64))
    cpu = torch.device("cpu")
    logits = predict_logits(FirstPixel().train(), digits, *AS_PIXELS, cpu)
    assert torch.equal(logits[:, 0], (torch.arange(2500) % 256).float())
    centred = predict_logits(FirstPixel().train(), digits, 0.5, 0.5, cpu)
    assert torch.allclose(centred[:256, 0], torch.linspace(-1, 1, 256), atol=1e-6)


def test_count_errors() -> None:
    assert count_errors(torch.eye(10), torch.arange(10)) == 0
    assert count_errors(torch.eye(10), torch.zeros(10, dtype=torch.int64)) == 9


def test_negative_log_likelihood() -> None:
    labels = torch.zeros(4, dtype=torch.int64)
    assert negative_log_likelihood(confident(0.8, 4), labels) == pytest.approx(-math.log(0.8))
    assert negative_log_likelihood(confident(0.8, 4), labels, 1e9) == pytest.approx(math.log(10))


def test_calibration_error_is_confidence_less_accuracy() -> None:
    labels = torch.tensor([0, 0, 0, 1])  # class 0 is right in 3 of 4
    assert expected_calibration_error(confident(0.75, 4), labels, 1.0) == pytest.approx(0, abs=1e-6)
    assert expected_calibration_error(confident(0.95, 4), labels, 1.0) == pytest.approx(0.2, abs=1e-6)


def test_calibration_error_keeps_bins_apart() -> None:
    logits = torch.cat([confident(0.6, 1), confident(0.9, 1)])
    labels = torch.tensor([0, 1])  # 0.4 too low in one bin, 0.9 too high in another
    assert expected_calibration_error(logits, labels, 1.0) == pytest.approx((0.4 + 0.9) / 2, abs=1e-6)
    assert expected_calibration_error(logits, labels, 1.0, bins=1) == pytest.approx((0.9 - 0.4) / 2, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_fitted_temperature_is_the_one_that_made_the_labels(temperature: float) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(20_000, 10, generator=generator) * 3
    labels = torch.multinomial(torch.softmax(logits / temperature, dim=1), 1, generator=generator).squeeze(1)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_temperature_stays_within_bounds() -> None:
    assert fit_temperature(torch.eye(10), torch.arange(10)) == pytest.approx(LOWEST, rel=1e-3)
    assert fit_temperature(torch.eye(10), torch.arange(10).flip(0)) == pytest.approx(HIGHEST, rel=1e-3)
