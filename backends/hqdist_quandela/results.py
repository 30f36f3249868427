"""From a job's raw result to detections or probabilities, row by row; what is missing is an error."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hqdist.errors import JobFailedError, MissingRowsError
from hqdist.execution import Request
from hqdist_quandela.payload import row_circuit


@dataclass(frozen=True, eq=False)
class RowResult:
    """What a job says of one row.

    Attributes:
        states: (K, m) detection patterns.
        weights: (K,) how often each was seen, or its probability.
        performance: The fraction of shots that the platform kept (``physical_perf``); None if it does not say.
    """

    states: NDArray[np.int8]
    weights: NDArray[np.float64]
    performance: float | None


def read_results(raw: str | None, request: Request, job: str, why: str = "") -> list[RowResult]:
    """Read a job's result.

    Args:
        raw: What the provider gave.
        request: The rows of the job.
        job: Its id, for messages.
        why: What the provider said of a job that did not complete.

    Raises:
        MissingRowsError: If rows are missing, or are not those that were asked for.
        JobFailedError: If there is no result, or it cannot be read.
    """
    found = _decoded(raw, job, why)
    listed = found.get("results_list")
    if listed is None:
        listed = [found] if request.batch == 1 and "results" in found else []
    if len(listed) != request.batch:
        done = len(listed)
        raise MissingRowsError(
            f"job {job} gave {done} of {request.batch} rows{f' ({why})' if why else ''}; nothing is filled in. Ask for "
            "fewer rows or shots in a job (rows_per_job, shots), then for the request again",
            range(done, request.batch),
        )
    _check_order(listed, request, job)
    rows = [_row(entry, request, index, job) for index, entry in enumerate(listed)]
    absent = [index for index, row in enumerate(rows) if row is None]
    if absent:
        raise MissingRowsError(f"job {job} gave no result for rows {', '.join(map(str, absent))}", absent)
    return [row for row in rows if row is not None]


def _decoded(raw: str | None, job: str, why: str) -> dict[str, Any]:
    from perceval.serialization import deserialize

    reason = f": {why}" if why else ""
    if raw is None:
        raise JobFailedError(f"job {job} has no result{reason}")
    try:
        found = deserialize(json.loads(raw), strict=False)
    except Exception as error:  # Perceval's reader raises whatever it stumbles over
        shown = " ".join(raw.split())[:200]
        raise JobFailedError(f"the result of job {job} cannot be read{reason}: {shown!r}") from error
    if not isinstance(found, dict):
        raise JobFailedError(f"job {job} has no result but a message{reason}: {str(found)[:200]!r}")
    return found


def _check_order(listed: list[Any], request: Request, job: str) -> None:
    """See that every row was evaluated at the angles that it was asked for at: the service echoes them."""
    circuit, angles = row_circuit(request)
    for index, entry in enumerate(listed):
        iteration = entry.get("iteration") if isinstance(entry, Mapping) else None
        echoed = iteration.get("circuit_params") if isinstance(iteration, Mapping) else None
        if not isinstance(echoed, Mapping):
            continue
        found = np.array([echoed.get(name, np.nan) for name in circuit.inputs], np.float64)
        if not np.allclose(found, angles[index], rtol=1e-9, atol=1e-9):
            raise MissingRowsError(f"job {job} answers for other angles in row {index} than it was asked for", [index])


def _row(entry: Any, request: Request, index: int, job: str) -> RowResult | None:
    results = entry.get("results") if isinstance(entry, Mapping) else None
    if results is None:
        return None
    if hasattr(results, "items"):  # counts and distributions of Perceval's are no `Mapping`
        items = [(tuple(state), float(weight)) for state, weight in results.items()]
    elif isinstance(results, Iterable):
        items = [(tuple(state), 1.0) for state in results]
    else:
        raise JobFailedError(f"the result of row {index} of job {job} cannot be read")
    modes = request.program.modes
    if any(len(state) != modes for state, _ in items):
        raise JobFailedError(f"the result of row {index} of job {job} has states of other than {modes} modes")
    performance = entry.get("physical_perf", entry.get("global_perf"))
    return RowResult(
        states=np.array([state for state, _ in items], np.int8).reshape(len(items), modes),
        weights=np.array([weight for _, weight in items], np.float64),
        performance=None if performance is None else float(performance),
    )
