import contextlib
import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hqdist
from hqdist import (
    Amplitudes,
    Angle,
    BeamSplitter,
    BeamSplitterConvention,
    ComputationSpace,
    Experiment,
    FixedUnitary,
    LexGrouping,
    ModeExpectations,
    ModGrouping,
    NumberCorrelators,
    Permutation,
    PhaseShifter,
    Probabilities,
    Program,
    ProgramError,
    parameter,
)
from hqdist.program import circuit_unitary
from hqdist.program.v1 import program_pb2 as pb

NAMES = ("w0", "w1", "x0", "x1", "ä")
numbers = st.floats(allow_nan=False, allow_infinity=False)
angles = st.builds(
    Angle, numbers, st.dictionaries(st.sampled_from(NAMES), numbers, max_size=3).map(lambda terms: tuple(terms.items()))
)


def unitary(seed: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))[0]


@st.composite
def elements(draw: st.DrawFn, modes: int) -> hqdist.program.Element:
    order = draw(st.permutations(range(modes)))
    size = draw(st.integers(1, modes))
    match draw(st.sampled_from(["shifter", "splitter", "permutation", "unitary"])):
        case "splitter" if modes > 1:
            convention = draw(st.sampled_from(list(BeamSplitterConvention)))
            return BeamSplitter((order[0], order[1]), draw(angles), convention)
        case "permutation":
            return Permutation(tuple(order[:size]), tuple(draw(st.permutations(range(size)))))
        case "unitary":
            return FixedUnitary(tuple(order[:size]), unitary(draw(st.integers(0, 99)), size))
        case _:
            return PhaseShifter(order[0], draw(angles))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    modes = draw(st.integers(1, 5))
    state = draw(st.lists(st.integers(0, 3), min_size=modes, max_size=modes))
    parts = draw(st.lists(elements(modes), max_size=6))
    angles = (part.angle for part in parts if isinstance(part, PhaseShifter | BeamSplitter))
    used = sorted({name for angle in angles for name in angle.parameters})
    split = draw(st.integers(0, len(used)))
    spaces = [ComputationSpace.FOCK] + [ComputationSpace.UNBUNCHED] * (sum(state) <= modes)
    kind = draw(st.sampled_from([Probabilities, ModeExpectations, NumberCorrelators, Amplitudes]))
    readout = kind(draw(st.sampled_from(spaces)))
    if kind is Probabilities:
        size = draw(st.integers(1, readout.size(modes, sum(state))))
        grouping = draw(st.sampled_from([None, LexGrouping(1), ModGrouping(size)]))
        readout = Probabilities(readout.space, grouping)
    return Program(modes, tuple(state), tuple(parts), tuple(used[:split]), tuple(used[split:]), readout)


def example() -> Program:
    return Program(
        modes=3,
        input_state=(1, 0, 1),
        elements=(
            BeamSplitter((0, 1), 2 * parameter("w") + 0.1, BeamSplitterConvention.H),
            PhaseShifter(2, parameter("x") + parameter("w")),
            Permutation((2, 0), (1, 0)),
            FixedUnitary((1, 2), np.array([[0, 1], [1, 0]])),
        ),
        weights=("w",),
        inputs=("x",),
        readout=Probabilities(ComputationSpace.UNBUNCHED, ModGrouping(2)),
    )


@settings(max_examples=100, deadline=None)
@given(programs())
def test_a_program_comes_back_from_the_wire_as_it_was(program: Program) -> None:
    message = program.to_bytes()
    back = Program.from_bytes(message)
    assert back == program
    assert back.to_bytes() == message
    assert back.digest == program.digest
    assert hash(back) == hash(program)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_program_or_a_program_error(message: bytes) -> None:
    with contextlib.suppress(ProgramError):
        Program.from_bytes(message)


@settings(max_examples=200, deadline=None)
@given(programs(), st.data())
def test_corrupt_bytes_are_a_program_or_a_program_error(program: Program, data: st.DataObject) -> None:
    message = bytearray(program.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(message)))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip" if position < len(message):
                message[position] = data.draw(st.integers(0, 255))
            case "cut":
                del message[position : position + data.draw(st.integers(1, 8))]
            case _:
                message[position:position] = data.draw(st.binary(min_size=1, max_size=8))
    with contextlib.suppress(ProgramError):
        Program.from_bytes(bytes(message))


def test_the_digest_is_the_same_in_another_process() -> None:
    """Whatever the seed of Python's string hashes."""
    script = (
        "from hqdist import CircuitType, Experiment\n"
        "print([Experiment(kind, 4, 2).program(5).digest for kind in CircuitType])"
    )
    package = str(Path(hqdist.__file__).parents[1])
    here = str([Experiment(kind, 4, 2).program(5).digest for kind in hqdist.CircuitType])
    environment = {**os.environ, "PYTHONPATH": package, "PYTHONHASHSEED": "12345"}
    there = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_the_digest_tells_programs_apart() -> None:
    program = example()
    others = [
        Program(3, (1, 1, 0), program.elements, program.weights, program.inputs, program.readout),
        Program(3, (1, 0, 1), program.elements, program.inputs, program.weights, program.readout),
        Program(3, (1, 0, 1), program.elements[:3], program.weights, program.inputs, program.readout),
        Program(3, (1, 0, 1), program.elements, program.weights, program.inputs, Probabilities()),
    ]
    assert len({program.digest, *(other.digest for other in others)}) == 5


def test_equal_programs_have_equal_digests_even_with_minus_zero() -> None:
    plus = Program(2, (1, 0), (PhaseShifter(0, 0.0), FixedUnitary((0, 1), ((1, 0), (0, 1)))))
    minus = Program(2, (1, 0), (PhaseShifter(0, -0.0), FixedUnitary((0, 1), ((1, -0.0), (-0j, 1)))))
    assert plus == minus
    assert plus.digest == minus.digest


def test_a_program_pickles_and_copies_itself() -> None:
    program = example()
    assert pickle.loads(pickle.dumps(program)) == program
    assert copy.deepcopy(program) is program
    assert copy.copy(program) is program


def test_lists_and_numpy_integers_are_taken() -> None:
    program = Program(2, np.array([1, 0]), [PhaseShifter(np.int64(1), 0.5)])  # type: ignore[arg-type]
    assert program == Program(2, (1, 0), (PhaseShifter(1, 0.5),))
    assert program.digest == Program(2, (1, 0), (PhaseShifter(1, 0.5),)).digest


def test_its_description_is_one_line() -> None:
    assert repr(example()) == (
        "Program(3 modes, |1,0,1>, 1 BeamSplitter, 1 PhaseShifter, 1 Permutation, 1 FixedUnitary, 1 weights, 1 inputs, "
        "Probabilities[unbunched] -> 2 outputs)"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modes": 0, "input_state": ()}, "at least 1 and at most 4096"),
        ({"modes": 2.0}, "whole number"),
        ({"input_state": (1,)}, "1 entries, the program 2 modes"),
        ({"input_state": (1, -1)}, "at least 0"),
        ({"input_state": (1.5, 0)}, "whole number"),
        ({"elements": (PhaseShifter(2, 0.1),)}, "does not fit in 2 modes"),
        ({"elements": (PhaseShifter(-1, 0.1),)}, "does not fit in 2 modes"),
        ({"modes": True, "input_state": (1,)}, "whole number"),
        ({"modes": "2"}, "whole number"),
        ({"input_state": 100}, "input state is a list"),
        ({"input_state": (True, 0)}, "whole number"),
        ({"elements": None}, "elements is a list"),
        ({"elements": ("x",)}, "PhaseShifter or BeamSplitter or Permutation or FixedUnitary, got 'x'"),
        ({"readout": None}, "Probabilities or ModeExpectations"),
        ({"readout": "probabilities"}, "Probabilities or ModeExpectations"),
        ({"weights": "ab"}, "weights is a list"),
        ({"inputs": None}, "inputs is a list"),
        ({"weights": (5,)}, "a parameter has a name"),
        ({"elements": (BeamSplitter((1, 1), 0.1),)}, "names a mode twice"),
        ({"elements": (Permutation((), ()),)}, "acts on no mode"),
        ({"elements": (PhaseShifter(0, parameter("a")),)}, "neither weights nor inputs: a; declare"),
        ({"weights": ("a",)}, "no element uses the declared parameters a"),
        (
            {"elements": (PhaseShifter(0, parameter("a")),), "weights": ("a",), "inputs": ("a",)},
            "declared more than once: a",
        ),
        ({"input_state": (2, 1), "readout": Probabilities(ComputationSpace.UNBUNCHED)}, "do not fit in 2 modes"),
        ({"readout": ModeExpectations(ComputationSpace.DUAL_RAIL), "input_state": (1, 1)}, "need 4 modes"),
        ({"readout": Probabilities(grouping=LexGrouping(4))}, "use at most 2"),
    ],
)
def test_a_program_that_makes_no_sense_says_why(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        Program(**{"modes": 2, "input_state": (1, 0), "elements": (), **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("modes", "state", "message"),
    [
        (1, (10**9,), "at most 127"),
        (3, (2**70, 0, 0), "at most 127"),
        (2, (100, 28), "128 photons, at most 127"),
        (2**31, (1,), "at most 4096"),
        pytest.param(10**5000, (1,), "at most 4096", id="more digits than Python prints"),
        (4097, (0,) * 4097, "at most 4096"),
        (4096, (2**32 - 1,) * 4096, "at most 127"),
        (2, range(10**12), "more than 4096 entries"),
    ],
)
def test_a_program_has_outright_limits(modes: int, state: Sequence[int], message: str) -> None:
    with pytest.raises(ProgramError, match=message) as refusal:
        Program(modes, state, ())  # type: ignore[arg-type]
    assert len(str(refusal.value)) < 300


def test_the_largest_programs_are_taken() -> None:
    assert Program(4096, (127,) + (0,) * 4095, (), readout=ModeExpectations()).outputs == 4096


@pytest.mark.parametrize(
    "message",
    [
        pb.Program(modes=1, input_state=[10**9]),
        pb.Program(modes=2**31, input_state=[1]),
        pb.Program(modes=100_000, input_state=[2**32 - 1] * 100_000),
    ],
)
def test_a_serialised_program_has_the_same_limits_and_they_come_first(message: pb.Program) -> None:
    message.readout.CopyFrom(pb.Readout(space=pb.FOCK, probabilities=pb.Readout.Probabilities()))
    message.elements.append(pb.Element())  # which would be refused too
    with pytest.raises(ProgramError, match="at most"):
        Program.from_bytes(message.SerializeToString())


@pytest.mark.parametrize("message", [None, "abc", 3])
def test_what_is_not_bytes_is_no_serialised_program(message: object) -> None:
    with pytest.raises(ProgramError, match="bytes"):
        Program.from_bytes(message)  # type: ignore[arg-type]


def test_all_kinds_of_bytes_are_taken() -> None:
    message = example().to_bytes()
    assert Program.from_bytes(bytearray(message)) == Program.from_bytes(memoryview(message)) == example()  # type: ignore[arg-type]


def test_the_circuit_is_the_product_of_its_elements() -> None:
    values = {"w": 0.7, "x": -0.4}
    theta = 2 * 0.7 + 0.1
    splitter = np.eye(3, dtype=complex)
    splitter[:2, :2] = BeamSplitter((0, 1), 0.0, BeamSplitterConvention.H).block(theta)
    shifter = np.diag([1, 1, np.exp(1j * (0.7 - 0.4))])
    swap_outer = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    swap_lower = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    expected = swap_lower @ swap_outer @ shifter @ splitter
    np.testing.assert_allclose(circuit_unitary(example(), values), expected, atol=1e-15)


def test_two_photons_meet_at_a_balanced_beam_splitter_and_leave_together(probabilities) -> None:  # type: ignore[no-untyped-def]
    """The dip of Hong, Ou and Mandel 1987."""
    for convention in BeamSplitterConvention:
        program = Program(2, (1, 1), (BeamSplitter((0, 1), np.pi / 2, convention),))
        np.testing.assert_allclose(probabilities(program, {}), [0.5, 0.0, 0.5], atol=1e-15)
