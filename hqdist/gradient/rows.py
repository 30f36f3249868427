"""Rows of evaluations, several for each sample of a request, in as few requests as a backend takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import torch

from hqdist.errors import BackendError, PostSelectionError
from hqdist.execution import Backend, Provenance, Request, Result
from hqdist.gradient.method import Cost
from hqdist.program import Program

#: Most numbers in the inputs and values of one request.
LARGEST = 2**24

#: Most numbers that are contracted at a time: float64 copies of a whole request would double its memory and more.
_BLOCK = 2**20


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """E evaluations of a program for each of the B samples of a request, ordered by sample.

    Attributes:
        request: The request whose samples they belong to; its precision, device and first row are theirs.
        program: What is evaluated.
        weights: The weights of `program`.
        each: E, evaluations for a sample.
        inputs: The inputs (b - a, F) of the evaluations from number a to before number b.
        shots: For each of the B E evaluations; None for exact values.
        purpose: Seeds what is random together with the request's seed: other purposes give independent draws.
    """

    request: Request
    program: Program
    weights: torch.Tensor
    each: int
    inputs: Callable[[int, int], torch.Tensor]
    shots: npt.NDArray[np.int64] | None
    purpose: str

    def cost(self, backend: Backend) -> Cost:
        """What they take of a backend."""
        shots = 0 if self.shots is None else int(self.shots.sum())
        return Cost(evaluations=self.request.batch * self.each, shots=shots, calls=len(self._parts(backend)))

    def check(self, backend: Backend) -> None:
        """See that a backend will take them, before anything is submitted.

        Raises:
            CapabilityError: Naming every violated constraint.
        """
        for first, last in self._parts(backend)[:1]:
            backend.check(self._request(first, last))

    def overlaps(
        self, backend: Backend, cotangent: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None, Provenance]:
        """Evaluate, and contract what comes back with a cotangent of the request's values.

        Args:
            backend: Who evaluates.
            cotangent: (B, R).

        Returns:
            ``Re sum_r conj(cotangent) values`` for each evaluation, (B, E), and their acceptances, (B, E), or None,
            both in float64; and where they come from.
        """
        overlaps, acceptances = [], []
        provenances = []
        for first, last in self._parts(backend):
            result = self._evaluated(backend, first, last)
            provenances.append(replace(result.provenance, seed=self.request.seed))
            promised = (last - first, self.program.outputs)
            if result.values.shape != promised:
                raise BackendError(
                    f"backend {backend.name!r} returned values of shape {tuple(result.values.shape)} where {promised} "
                    "were asked for; hold it to hqdist.testing.conformance"
                )
            samples = torch.arange(first, last, device=cotangent.device) // self.each
            size = max(1, _BLOCK // max(1, self.program.outputs))
            for rows, values in zip(torch.split(samples, size), torch.split(result.values, size), strict=True):
                overlaps.append(overlap(cotangent[rows], values))
            if result.acceptance is not None:
                acceptances.append(result.acceptance.double())
        seed = self.request.seed
        provenance = Provenance.joined(provenances or [Provenance(backend=backend.name, seed=seed)])
        if not overlaps:
            return self.request.inputs.new_zeros(self.request.batch, self.each, dtype=torch.float64), None, provenance
        shape = (self.request.batch, self.each)
        if acceptances and sum(map(len, acceptances)) != shape[0] * shape[1]:
            raise BackendError(f"backend {backend.name!r} gave an acceptance for some samples of a program only")
        kept = torch.cat(acceptances).reshape(shape) if acceptances else None
        return torch.cat(overlaps).reshape(shape), kept, provenance

    def _parts(self, backend: Backend) -> list[tuple[int, int]]:
        rows = self.request.batch * self.each
        most = max(1, LARGEST // max(1, self.program.outputs + len(self.program.inputs)))
        if backend.capabilities.max_batch is not None:
            most = min(most, backend.capabilities.max_batch)
        return [(first, min(first + most, rows)) for first in range(0, rows, most)]

    def _evaluated(self, backend: Backend, first: int, last: int) -> Result:
        try:
            return backend.evaluate(self._request(first, last))
        except PostSelectionError as error:
            shots = "" if self.shots is None else f", with {self.shots.min():,} to {self.shots.max():,} shots each"
            raise PostSelectionError(
                f"of {self.each} evaluations for the derivatives of each sample{shots}, numbered from {first}: {error}"
            ) from error

    def _request(self, first: int, last: int) -> Request:
        # Evaluations are numbered from the sample's place in its batch, so that splitting a batch changes nothing.
        return replace(
            self.request,
            program=self.program,
            weights=self.weights,
            inputs=self.inputs(first, last),
            shots=None if self.shots is None else self.shots[first:last].tolist(),
            seed=derived_seed(self.request.seed, self.purpose),
            first_row=self.request.first_row * self.each + first,
        )


def derived_seed(seed: int | None, purpose: str) -> int | None:
    """A seed for some purpose that follows from another one and is independent of it; None stays None."""
    if seed is None:
        return None
    return int.from_bytes(sha256(f"{purpose} {seed}".encode()).digest()[:8]) >> 1


def overlap(cotangent: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """``Re sum_r conj(cotangent) values``, (B, R) and (B, R) to (B,), in float64."""
    if values.is_complex():
        cotangent, values = torch.view_as_real(cotangent).flatten(1), torch.view_as_real(values).flatten(1)
    products = cotangent.double() * values.double()
    if products.device.type != "cpu":
        return products.sum(dim=1)
    # Torch splits long sums over its threads; NumPy sums each row for itself, always in one order.
    return torch.from_numpy(products.contiguous().numpy().sum(axis=1))
