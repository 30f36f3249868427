"""How much memory a request needs, before anything is taken; about, and rather more than less."""

import psutil
import torch

from hqdist.execution import Request
from hqdist.program import ComputationSpace, ModeExpectations, NumberCorrelators
from hqdist_exact._chunks import CHUNK_BYTES
from hqdist_exact._circuit import Circuit
from hqdist_exact._evolve import RUNS
from hqdist_exact._scratch import VECTOR_BYTES
from hqdist_exact._tables import slos_footprint


def bytes_needed(request: Request, circuit: Circuit) -> int:
    """Bytes for the values of a request, for their derivatives, and for the work in between."""
    at_once = min(request.batch, CHUNK_BYTES // bytes_for_sample(circuit, request.inputs) + 1)
    return _for_columns(request, circuit, at_once) + _for_readout(request)


def bytes_for_sample(circuit: Circuit, inputs: torch.Tensor) -> int:
    """Bytes that one sample takes on its way through the circuit: its inputs, angles and columns."""
    item, gates = inputs.element_size(), len(circuit.sample.kinds)
    columns = circuit.modes * len(circuit.occupied) * 2 * item * 5
    return gates * (3 * 8 + 3 * item) + inputs.shape[1] * (3 * 8 + item) + columns + 1


def bytes_free(device: torch.device) -> int:
    """Bytes that can still be taken on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def in_words(count: int) -> str:
    """A number of bytes for people."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            whole = count // size
            return f"{count / size:,.2f} {unit}" if whole < 10**6 else f"1e{len(str(whole)) - 1} {unit}"
    return f"{count} bytes"


def _for_columns(request: Request, circuit: Circuit, samples: int) -> int:
    """The shared unitaries, and the angles and columns of the samples that are on their way at once."""
    item, modes, threads = request.inputs.element_size(), circuit.modes, torch.get_num_threads()
    lanes = VECTOR_BYTES // item
    tiles, photons = -(-samples // lanes), len(circuit.occupied)
    unitary = len(circuit.sample.groups) * modes**2
    shared = unitary * (16 * (4 + min(tiles, RUNS)) + 4 * item + 2 * VECTOR_BYTES * threads)
    shared += circuit.shared.block_matrices.nbytes
    kept = len(circuit.sample.groups) * modes * photons * 2 * VECTOR_BYTES * threads
    return shared + kept + tiles * lanes * bytes_for_sample(circuit, request.inputs)


def _for_readout(request: Request) -> int:
    program, item = request.program, request.inputs.element_size()
    readout, space = program.readout, program.readout.space
    expectation = isinstance(readout, ModeExpectations | NumberCorrelators)
    outputs = request.batch * (2 * program.outputs + 4 * len(program.inputs)) * item
    if expectation and space is ComputationSpace.FOCK:
        return 4 * outputs + CHUNK_BYTES * 4
    footprint = slos_footprint(program.modes, program.photons, space.value)
    # Post-selected values are renormalised, amplitudes are put together from two parts: each makes further copies.
    listed = footprint.states if expectation else program.outputs
    copies = (2 if program.complex_valued else 1) * (5 if space.post_selects else 3 if program.complex_valued else 1)
    counted = 4 * footprint.states * program.photons**2 if expectation else 0
    work = footprint.scratch * torch.get_num_threads()
    return outputs + copies * request.batch * listed * item + footprint.building + footprint.tables + work + counted
