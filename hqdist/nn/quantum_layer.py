"""The photonic quantum layer, a torch module."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from hqdist.errors import ConfigurationError, RequestError
from hqdist.execution import Backend, BackendLike, Request, backend, current_backend
from hqdist.execution.request import DTYPES, dense
from hqdist.gradient import Estimate, Evaluation, GradientLike, named
from hqdist.gradient.estimate import estimating
from hqdist.nn.source import program_from
from hqdist.program import Ansatz, CircuitBuilder, Program, Readout
from hqdist.program.checks import instance, shown, whole

#: Most probabilities that a trainable map takes, and most weights that it has.
MAX_MAPPED, MAX_MAP_WEIGHTS = 10_000_000, 1_000_000_000


class QuantumLayer(nn.Module):
    """A photonic circuit as a torch module: features in, probabilities or expectations out.

    The circuit's trainable phases are the parameter `phases`. Which backend evaluates it is configuration; the layer
    pickles, copies and saves whatever the backend.

    Args:
        input_size: Number of features F; checked against the circuit, which decides it.
        ansatz: What to evaluate, as `AnsatzFactory.create` makes it. Give this, or one of the next three.
        builder: What to evaluate, as a `CircuitBuilder`.
        circuit: What to evaluate, as a Perceval circuit.
        program: What to evaluate, as a `Program`.
        input_state: For a builder or circuit: photons entering each mode.
        n_photons: For a builder or circuit without `input_state`: how many photons, one in every other mode.
        trainable_parameters: For a Perceval circuit: prefixes of its trainable parameters.
        input_parameters: For a Perceval circuit: prefixes of the parameters that take features.
        measurement_strategy: For a builder or circuit: the readout; by default all Fock probabilities.
        backend: Who evaluates it: a name, URI, table or `Backend`; None follows `default_backend`.
        gradient: How it is differentiated: a method, its name, a table with its name and options, or "auto".
        shots: Shots for each sample; None asks for exact values.
        device: Where the phases are.
        dtype: Precision of the phases and of the computation, float32 or float64; torch's default if None.

    Attributes:
        program: What is evaluated.
        phases: (T,), in radians, in the order of ``program.weights``; a parameter, or a buffer in reservoir mode.
        input_scale: (F,) trainable scales of the features with bandwidth tuning; else None.
        output_map: The trainable linear map after the readout, or None.

    Raises:
        ConfigurationError: If the arguments contradict each other.
        ProgramError: If the circuit is not valid.
        UnknownBackendError: If no backend has this name.
    """

    phases: torch.Tensor
    input_scale: nn.Parameter | None

    def __init__(
        self,
        input_size: int | None = None,
        ansatz: Ansatz | None = None,
        *,
        builder: CircuitBuilder | None = None,
        circuit: object | None = None,
        program: Program | None = None,
        input_state: Sequence[int] | None = None,
        n_photons: int | None = None,
        trainable_parameters: Sequence[str] | None = None,
        input_parameters: Sequence[str] | None = None,
        measurement_strategy: Readout | None = None,
        backend: BackendLike | None = None,
        gradient: GradientLike = "auto",
        shots: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if ansatz is None:
            program = program_from(
                builder=builder,
                circuit=circuit,
                program=program,
                input_state=input_state,
                n_photons=n_photons,
                trainable_parameters=trainable_parameters,
                input_parameters=input_parameters,
                readout=measurement_strategy,
            )
            ansatz = Ansatz(program)
        else:
            besides = {
                "builder": builder,
                "circuit": circuit,
                "program": program,
                "input_state": input_state,
                "n_photons": n_photons,
                "trainable_parameters": trainable_parameters,
                "input_parameters": input_parameters,
                "measurement_strategy": measurement_strategy,
            }
            given = [name for name, value in besides.items() if value is not None]
            if given:
                raise ConfigurationError(
                    f"an ansatz has its circuit, input state and readout already; leave {', '.join(given)} out"
                )
        if isinstance(ansatz, Program):
            raise ConfigurationError("ansatz is what AnsatzFactory.create makes; give a Program as program=...")
        instance(ansatz, Ansatz, "ansatz", error=ConfigurationError)
        features = len(ansatz.program.inputs)
        if input_size is not None and whole(input_size, "input_size", error=ConfigurationError) != features:
            raise ConfigurationError(f"the circuit takes {features} features, not input_size={input_size}")
        named(gradient)  # refuses what is none
        if shots is not None:
            shots = whole(shots, "shots, if not None for exact values,", least=1, error=ConfigurationError)
        if dtype is not None and dtype not in DTYPES:
            raise ConfigurationError(f"dtype is one of {', '.join(map(str, DTYPES))}, got {shown(dtype)}")
        self.program = ansatz.program
        self.gradient = gradient
        self.shots = shots
        self.backend = backend
        self._told: set[tuple[str, str]] = set()
        phases = 2 * math.pi * torch.rand(len(self.program.weights), device=device, dtype=dtype)
        if ansatz.reservoir:
            self.register_buffer("phases", phases)
        else:
            self.phases = nn.Parameter(phases)
        scale = nn.Parameter(phases.new_ones(features)) if ansatz.bandwidth_tuning else None
        self.register_parameter("input_scale", scale)
        mapped, outputs = self.program.outputs, ansatz.output_size
        if outputs is not None and (mapped > MAX_MAPPED or mapped * outputs > MAX_MAP_WEIGHTS):
            raise ConfigurationError(
                f"a trainable map from {mapped} probabilities to {outputs} outputs is too large; use a grouping, a "
                "smaller computation space, fewer photons or fewer modes"
            )
        self.output_map = (
            nn.Linear(self.program.outputs, ansatz.output_size, device=device, dtype=dtype)
            if ansatz.output_size is not None
            else None
        )

    @property
    def input_size(self) -> int:
        """Number of features F."""
        return len(self.program.inputs)

    @property
    def output_size(self) -> int:
        """Number of outputs."""
        return self.program.outputs if self.output_map is None else self.output_map.out_features

    @property
    def backend(self) -> Backend | None:
        """Who evaluates the layer; None follows `default_backend`. Set it by name, URI, table or `Backend`."""
        return self._backend

    @backend.setter
    def backend(self, spec: BackendLike | None) -> None:
        self._backend = None if spec is None else backend(spec)

    def forward(self, x: torch.Tensor | None = None) -> torch.Tensor:
        """Evaluate a batch.

        Args:
            x: (B, F) or (F,), finite; float32 or float64 as the layer, or a lower precision, which is raised to the
                layer's. A layer without features (F = 0) may be called without.

        Returns:
            (B, output_size) or (output_size,), in the layer's precision.

        Raises:
            RequestError: If the shape or dtype does not fit, or a value is not finite.
            CapabilityError: If the backend cannot take it.
        """
        x = self._features(x)
        return self._outputs(self._evaluation()(self._batch(x), self.phases), x)

    def estimate(self, batch: int | torch.Tensor, *, training: bool | None = None) -> Estimate:
        """What a batch will take of the backend: evaluations, shots, calls, credits; nothing is evaluated.

        Args:
            batch: Features (B, F) or (F,), whose derivative counts if they require one; or a number of samples, whose
                features are taken to require one.
            training: Whether derivatives count; None for whether the layer is in training mode.

        Raises:
            RequestError: If the features do not fit.
            GradientError: If a derivative is needed that cannot be had.
        """
        training = self.training if training is None else training
        if not isinstance(batch, torch.Tensor):
            samples = whole(batch, "a number of samples", least=0, error=RequestError)
            batch = self.phases.new_zeros(samples, self.input_size).requires_grad_()
        with estimating() as found, torch.set_grad_enabled(training):
            self(batch)
        return sum(found, start=Estimate())

    @torch.no_grad()
    def request(self, x: torch.Tensor | None = None, *, seed: int | None = None) -> Request:
        """What a call asks the backend for; ``backend.evaluate(layer.request(x))`` has more to tell than values.

        Standard errors, acceptance, provenance and, of backends that sample, counts; before the layer's output map.

        Args:
            x: As for a call.
            seed: Of shots and random phases; None lets the backend draw one.

        Raises:
            RequestError: If the features do not fit.
        """
        return self._evaluation().request(self._batch(self._features(x)), self.phases.detach(), seed)

    def _evaluation(self) -> Evaluation:
        return Evaluation(
            program=self.program,
            backend=self._backend or current_backend(),
            gradient=self.gradient,
            shots=self.shots,
            told=self._told,
        )

    def _batch(self, x: torch.Tensor) -> torch.Tensor:
        """(B, F), scaled."""
        batch = x.unsqueeze(0) if x.ndim == 1 else x
        return batch if self.input_scale is None else batch * self.input_scale

    def _outputs(self, values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What the layer makes of the circuit's values for features."""
        if self.output_map is not None:
            values = self.output_map(values)
        return values.squeeze(0) if x.ndim == 1 else values

    def _features(self, x: torch.Tensor | None) -> torch.Tensor:
        if x is None:
            x = self.phases.new_empty(0)
        x = dense(x, "features")
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise RequestError(
                f"this layer takes (B, {self.input_size}) or ({self.input_size},), got shape {tuple(x.shape)}"
            )
        if x.dtype.is_complex or torch.promote_types(x.dtype, self.phases.dtype) != self.phases.dtype:
            raise RequestError(
                f"this layer computes in {self.phases.dtype}, the features are {x.dtype}; "
                f"convert them (x.to({self.phases.dtype})) or the layer (layer.to({x.dtype}))"
            )
        return x.to(self.phases.dtype)

    def extra_repr(self) -> str:
        """What `print(layer)` shows."""
        where = self._backend.name if self._backend is not None else "default"
        return f"{self.program!r}, backend={where}, gradient={self.gradient}, shots={self.shots}"


def use_backend(model: nn.Module, spec: BackendLike, /, **options: object) -> nn.Module:
    """Let one backend evaluate every quantum layer of a model.

    Args:
        model: A module with at least one `QuantumLayer` in it; changed in place.
        spec: As for `hqdist.backend`.
        **options: As for `hqdist.backend`.

    Returns:
        The model.

    Raises:
        ConfigurationError: If the model has no quantum layer.
    """
    instance(model, nn.Module, "a model", error=ConfigurationError)
    layers = [module for module in model.modules() if isinstance(module, QuantumLayer)]
    if not layers:
        raise ConfigurationError(f"{type(model).__name__} has no QuantumLayer whose backend could be set")
    chosen = backend(spec, **options)
    for layer in layers:
        layer.backend = chosen
    return model
