"""A regression with learned gates: how far diabetes has progressed after a year, from ten measurements.

A classical network and a circuit see the same standardised measurements; a gate decides for each patient how much
either counts (`GatedFusion`). scikit-learn's diabetes data (442 patients; Efron et al., Least Angle Regression, Annals
of Statistics 32, 2004), 30 % of which, drawn anew for each seed, are held out.
"""

import torch
from sklearn.datasets import load_diabetes
from studies import descend, run_study
from torch import nn

import hqdist as hq

EPOCHS, RATE, HELD_OUT = 40, 0.005, 0.3

MEASUREMENTS, PROGRESS = (torch.as_tensor(values).float() for values in load_diabetes(return_X_y=True))
MEASUREMENTS = (MEASUREMENTS - MEASUREMENTS.mean(0)) / MEASUREMENTS.std(0)
PROGRESS = ((PROGRESS - PROGRESS.mean()) / PROGRESS.std()).unsqueeze(-1)


def make_model() -> nn.Module:
    """Two paths and a gate."""
    experiment = hq.Experiment(hq.CircuitType.SERIES, n_modes=6, n_photons=2, use_bandwidth_tuning=True)
    layer = hq.QuantumLayer(10, hq.AnsatzFactory.create(experiment, 10, 8))
    return hq.ParallelHybrid.from_parts(
        classical_path=nn.Sequential(nn.Linear(10, 8), nn.ReLU()),
        quantum_path=layer,
        fusion=hq.GatedFusion([8, 8], 1),
        normalization=hq.NormalizationLayer(),
    )


def train(model: nn.Module) -> None:
    """On the patients that are not held out; the model remembers who is."""
    order = torch.randperm(len(MEASUREMENTS))
    held_out = round(HELD_OUT * len(MEASUREMENTS))
    model.held_out, used = order.split([held_out, len(MEASUREMENTS) - held_out])
    descend(model, MEASUREMENTS[used], PROGRESS[used], nn.MSELoss(), EPOCHS, RATE)


def score(model: nn.Module) -> float:
    """Mean squared error over the held-out patients; 1 is that of the mean over all."""
    return nn.functional.mse_loss(model(MEASUREMENTS[model.held_out]), PROGRESS[model.held_out]).item()


if __name__ == "__main__":
    run_study(
        "regression",
        "A regression with learned gates.",
        figure="test error (variance = 1)",
        setting={"data": "diabetes", "modes": 6, "photons": 2, "epochs": EPOCHS, "rate": RATE, "held_out": HELD_OUT},
        make_model=make_model,
        train=train,
        score=score,
    )
