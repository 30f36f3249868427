"""What photons contribute to a classifier of digits: the model trained anew with each replacement.

The hybrid model of the demo, in small: a linear map to eight features, a circuit of six modes and three photons, a
linear map to ten classes. scikit-learn's digits (1797 images of 8 x 8 pixels), 30 % of which, drawn anew for each seed,
are held out.
"""

import torch
from sklearn.datasets import load_digits
from studies import descend, run_study
from torch import nn

import hqdist as hq

EPOCHS, RATE, HELD_OUT = 25, 0.01, 0.3

IMAGES, DIGITS = (torch.as_tensor(values) for values in load_digits(return_X_y=True))
IMAGES = IMAGES.float() / 16


def make_model() -> nn.Module:
    """Linear map and sigmoid, circuit, linear map."""
    experiment = hq.Experiment(hq.CircuitType.SERIES, n_modes=6, n_photons=3, use_bandwidth_tuning=True)
    layer = hq.QuantumLayer(8, hq.AnsatzFactory.create(experiment, 8, 16))
    return hq.SequentialHybrid.from_parts(
        nn.Sequential(nn.Linear(64, 8), nn.Sigmoid()), layer, nn.Linear(layer.output_size, 10)
    )


def train(model: nn.Module) -> None:
    """On the images that are not held out; the model remembers which are."""
    order = torch.randperm(len(IMAGES))
    model.held_out, used = order.split([round(HELD_OUT * len(IMAGES)), len(IMAGES) - round(HELD_OUT * len(IMAGES))])
    descend(model, IMAGES[used], DIGITS[used], nn.CrossEntropyLoss(), EPOCHS, RATE)


def score(model: nn.Module) -> float:
    """Share of the held-out images that it takes for another digit, in percent."""
    wrong = model(IMAGES[model.held_out]).argmax(-1) != DIGITS[model.held_out]
    return 100 * wrong.double().mean().item()


if __name__ == "__main__":
    run_study(
        "digits_ablation",
        "What photons contribute to a classifier of digits.",
        figure="test error (%)",
        setting={"data": "digits", "modes": 6, "photons": 3, "epochs": EPOCHS, "rate": RATE, "held_out": HELD_OUT},
        make_model=make_model,
        train=train,
        score=score,
    )
