"""Backends to differentiate: with acceptances, with shots, and with imperfect sources and detectors."""

from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import torch
from hqdist_exact import ExactBackend

from hqdist import Backend, BackendError, Capabilities, ComputationSpace, Detectors, Noise, Price, Probabilities
from hqdist.execution import Provenance, Request, Result
from hqdist.program import Program, observable
from hqdist.testing.reference import reference_probabilities

EXACT = ExactBackend()


def fock(program: Program) -> Program:
    return replace(program, readout=Probabilities())


def in_space(program: Program) -> np.ndarray:
    """Which Fock states belong to the readout's space, (D,)."""
    places = {tuple(state): index for index, state in enumerate(fock(program).states.tolist())}
    kept = np.zeros(len(places), dtype=bool)
    kept[[places[tuple(state)] for state in program.states.tolist()]] = True
    return kept


@dataclass(frozen=True)
class Device(Backend):
    """The exact backend without its adjoint: exact values or counts, with acceptances, and a note of what it did."""

    name = "device"

    noise: Noise | None = None
    price: Price | None = None
    max_batch: int | None = None
    max_shots: int | None = None
    requests: list[Request] = field(default_factory=list, compare=False)

    @property
    def capabilities(self):
        return Capabilities(
            exact=True,
            sampled=True,
            adjoint=False,
            noise=self.noise,
            price=self.price,
            max_batch=self.max_batch,
            max_shots=self.max_shots,
        )

    def evaluate(self, request):
        self.check(request)
        self.requests.append(request)
        program = request.program
        if request.shots is None and not program.readout.space.post_selects:
            return EXACT.evaluate(request)
        every = EXACT.evaluate(replace(request, program=fock(program), shots=None)).values.double()
        kept = torch.from_numpy(in_space(program))
        accepted = every[:, kept]
        if request.shots is not None:
            rejected = every[:, ~kept].sum(dim=1, keepdim=True)
            accepted = self._frequencies(request, torch.cat([accepted, rejected], dim=1).numpy())[:, :-1]
        acceptance = accepted.sum(dim=1)
        if not bool((acceptance > 0).all()):
            raise BackendError("nothing was accepted")
        average = torch.from_numpy(observable(program.readout, program.states))
        values = (accepted / acceptance[:, None]) @ average.T
        return Result(
            values=values.to(request.inputs),
            acceptance=acceptance if program.readout.space.post_selects else None,
            provenance=Provenance(backend=self.name, shots=request.total_shots, seed=request.seed),
        )

    def _frequencies(self, request, probabilities):
        rows = []
        for row, (chances, shots) in enumerate(zip(probabilities, request.row_shots, strict=True)):
            draw = np.random.Generator(np.random.Philox(key=[request.seed, request.first_row + row]))
            positive = np.clip(chances, 0, None)
            rows.append(draw.multinomial(shots, positive / positive.sum()) / shots)
        return torch.from_numpy(np.array(rows))


@dataclass(frozen=True)
class Imperfect(Backend):
    """Sources that emit no photon, one, or two copies of it, and detectors of either kind: by permanents, slowly."""

    name = "imperfect"

    noise: Noise

    @property
    def capabilities(self):
        return Capabilities(exact=True, sampled=False, adjoint=False, noise=self.noise)

    def evaluate(self, request):
        pairs = [self._row(request.program, request.weights, row) for row in request.inputs]
        return Result(
            values=torch.from_numpy(np.array([value for value, _ in pairs])),
            acceptance=torch.tensor([acceptance for _, acceptance in pairs], dtype=torch.float64),
            provenance=Provenance(backend=self.name),
        )

    def _row(self, program, weights, row):
        values = dict(zip(program.weights, weights.tolist(), strict=True))
        values |= dict(zip(program.inputs, row.tolist(), strict=True))
        places = {tuple(state): index for index, state in enumerate(program.states.tolist())}
        sources = np.repeat(np.arange(program.modes), program.input_state)
        numerator, seen = np.zeros(len(places)), 0.0
        for emitted in product(range(3), repeat=len(sources)):
            chance = np.prod([self.noise.emission()[count] for count in emitted])
            if chance == 0 or sum(emitted) == 0:
                continue
            entering = np.bincount(sources, weights=emitted, minlength=program.modes).astype(int)
            light = replace(fock(program), input_state=tuple(entering.tolist()))
            probabilities = reference_probabilities(light, values)
            seen += chance * probabilities.sum()
            for state, probability in zip(light.states, probabilities, strict=True):
                counted = np.minimum(state, 1) if self.noise.detectors is Detectors.THRESHOLD else state
                place = places.get(tuple(counted.tolist()))
                if place is not None:
                    numerator[place] += chance * probability
        average = observable(program.readout, program.states)
        return average @ numerator / numerator.sum(), numerator.sum() / seen


#: A space that discards something and one that does not.
SPACES = (ComputationSpace.FOCK, ComputationSpace.UNBUNCHED)
