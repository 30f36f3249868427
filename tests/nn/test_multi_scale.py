"""Circuits that are moved over the features, at several scales."""

import pytest
import torch

import hqdist as hq


def made():
    torch.manual_seed(0)
    scales = [hq.Scale(window=2, n_photons=1), hq.Scale(window=4, n_photons=2, n_modes=3, stride=2)]
    return hq.MultiScaleQuantum(8, scales)


def test_outputs_are_the_circuits_mean_photon_numbers_place_by_place():
    module, x = made(), torch.rand(5, 8)
    found = module(x)
    assert found.shape == (5, module.output_size) == (5, 4 * 3 + 3 * 3)
    fine, coarse = module.layers
    expected = [fine(x[:, at : at + 2]) for at in (0, 2, 4, 6)] + [coarse(x[:, at : at + 4]) for at in (0, 2, 4)]
    assert torch.allclose(found, torch.cat(expected, 1), atol=1e-6)
    assert torch.allclose(found[:, :3].sum(1), torch.ones(5), atol=1e-5)  # one photon
    assert torch.allclose(found[:, 12:15].sum(1), torch.full((5,), 2.0), atol=1e-5)  # two


@pytest.mark.parametrize("shape", [(8,), (0, 8), (1, 8)])
def test_one_sample_and_none_are_taken_as_by_a_layer(shape):
    module = made()
    assert module(torch.rand(shape)).shape == (*shape[:-1], module.output_size)


@pytest.mark.parametrize("shape", [(7,), (2, 9), (2, 2, 8), ()])
def test_other_shapes_are_refused(shape):
    with pytest.raises(hq.RequestError, match=r"\(B, 8\) or \(8,\)"):
        made()(torch.rand(shape))


def test_it_trains_on_every_backend(any_backend):
    module = hq.use_backend(made(), any_backend)
    x = torch.rand(2, 8, requires_grad=True)
    module(x)[:, ::2].square().sum().backward()
    assert all((layer.phases.grad != 0).any() for layer in module.layers)
    assert (x.grad.abs().sum(0) > 0).all()


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ([], "at least one"),
        ([hq.Scale(window=3, n_photons=1)], "does not meet all of 8 features"),
        ([hq.Scale(window=2, n_photons=1, stride=3)], "does not meet all"),
        ([hq.Scale(window=9, n_photons=1)], "does not meet all"),
    ],
)
def test_features_are_never_dropped(scales, words):
    with pytest.raises(hq.ConfigurationError, match=words):
        hq.MultiScaleQuantum(8, scales)


def test_figures_that_cannot_be_are_refused():
    with pytest.raises(hq.ConfigurationError, match="window"):
        hq.Scale(window=0, n_photons=1)
