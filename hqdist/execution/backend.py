"""The one interface of everything that can evaluate a quantum layer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Self

import torch

from hqdist.errors import BackendError, CapabilityError, ConfigurationError, GradientError
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.job import Job
from hqdist.execution.request import Request
from hqdist.execution.result import Cotangents, Result


class Backend(ABC):
    """Evaluates requests: a simulator, a QPU, a client of a worker, a router over several of them.

    A backend *is* its configuration: it pickles and copies as that, and connects to whatever it needs on first use,
    in the process where it is used. Its methods may be called from several threads at once.
    """

    #: The name under which it is registered in the entry-point group ``hqdist.backends``.
    name: ClassVar[str]

    #: Whether it computes in this process, with all its cores, so that several calls at a time gain nothing.
    in_process: ClassVar[bool] = False

    #: Shots for each sample where a layer names none; None for exact values. An option of backends that sample.
    shots: int | None = None

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this backend can do."""

    @abstractmethod
    def evaluate(self, request: Request) -> Result:
        """Evaluate a request and wait for the values.

        Raises:
            CapabilityError: If the request is more than the backend can do; nothing was submitted.
        """

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product of a request, for backends whose capabilities say `adjoint`.

        Args:
            request: The request as it was evaluated.
            cotangent: (B, R), the derivative of a scalar by each value, in torch's convention for complex values.

        Raises:
            GradientError: If the backend offers none.
        """
        raise GradientError(f"backend {self.name!r} offers no adjoint gradient; choose another gradient method")

    def evaluate_with_vjp(self, request: Request) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate a request and keep what helps to differentiate it.

        Returns:
            The result, and a function from a cotangent to what `vjp` would give. This one remembers nothing and calls
            `vjp`; a backend that runs in this process may do better.
        """
        return self.evaluate(request), lambda cotangent: self.vjp(request, cotangent)

    def submit(self, request: Request) -> Job:
        """Start evaluating a request and return at once. What `check` refuses is refused here.

        The caller may go on and change the tensors that the request was made from, as an optimiser does.
        """
        self.check(request)
        kept = replace(request, weights=request.weights.clone(), inputs=request.inputs.clone())
        return Job(lambda: self.evaluate(kept))

    def cancel(self, job_id: str) -> None:
        """Cancel a job of this backend's provider, by the provider's id. For backends that submit jobs.

        Raises:
            BackendError: If there are no jobs to cancel, or the provider does not do it.
        """
        raise BackendError(f"backend {self.name!r} submits no jobs to a provider, so there is none to cancel")

    def not_ready(self) -> str | None:
        """Why this backend takes no requests for now, such as a worker that is draining; None if it does.

        It is asked before each request that could go elsewhere, so it answers from what is known already, at once.
        """
        return None

    def budget_left(self) -> Mapping[str, float]:
        """What may still be spent, by unit: shots, credits, jobs, seconds. Empty for a backend without a budget."""
        return {}

    def for_one_call(self) -> "Backend":
        """The backend for evaluations whose values must fit together: those of one call of a layer, backward included.

        Itself, but for a backend that chooses between several.
        """
        return self

    def check(self, request: Request) -> None:
        """See that this backend can take a request, before anything is submitted.

        Raises:
            CapabilityError: Naming every violated constraint.
        """
        violations = self.violations(request)
        if violations:
            raise CapabilityError(self.name, violations)

    def violations(self, request: Request) -> list[str]:
        """Every constraint that a request violates, one line each. Backends with more constraints extend this."""
        can, program = self.capabilities, request.program
        limits = [
            ("modes", program.modes, can.max_modes),
            ("photons", program.photons, can.max_photons),
            ("samples in a batch", request.batch, can.max_batch),
            ("shots for a sample", int(request.row_shots.max(initial=0)), can.max_shots),
        ]
        found = [f"{n} {what}, at most {most}" for what, n, most in limits if most is not None and n > most]
        if not isinstance(program.readout, can.readouts):
            offered = ", ".join(kind.__name__ for kind in can.readouts)
            found.append(f"readout {type(program.readout).__name__}, only {offered}")
        if program.readout.space not in can.spaces:
            found.append(f"computation space {program.readout.space}, only {', '.join(can.spaces)}")
        if request.inputs.device.type not in can.devices:
            found.append(f"values on {request.inputs.device}, only {', '.join(can.devices)}")
        if request.shots is None and not can.exact:
            found.append("exact values, only shots; set shots")
        if request.shots is not None and not can.sampled:
            found.append("shots, only exact values; set shots=None")
        return found

    @classmethod
    def from_uri(cls, uri: str, **options: object) -> Self:
        """Make this backend from a URI such as ``grpc://host:port``.

        Raises:
            ConfigurationError: If it takes none.
        """
        raise ConfigurationError(f"backend {cls.name!r} takes no URI, got {uri!r}; use its name and options")
