"""The programs that a worker knows, by digest."""

from collections import OrderedDict

from hqdist.errors import ProgramError
from hqdist.program import Program

#: Most programs that are kept; their tables are the backend's matter.
_MOST = 1000

#: Most bytes of one; the largest that is reasonable, a mesh of 100 modes for each of 100 features, has a fifth.
_LARGEST = 2**24


class UnknownProgramError(Exception):
    """A program was named by a digest that this worker does not know; the caller has to send it along."""


class Programs:
    """Programs that were sent once, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Program] = OrderedDict()

    def get(self, digest: bytes, serialised: bytes) -> Program:
        """The program of a digest, from the message that came along if there is one.

        Raises:
            UnknownProgramError: If it is not known and did not come along.
            ProgramError: If what came along is no valid program, or another one.
        """
        program = self._known.get(digest)
        if program is None:
            if not serialised:
                raise UnknownProgramError
            if len(serialised) > _LARGEST:
                raise ProgramError(f"a program of {len(serialised):,} bytes, at most {_LARGEST:,}")
            program = Program.from_bytes(serialised)
            if bytes.fromhex(program.digest) != digest:
                raise ProgramError(f"the program that came along has the digest {program.digest}, not {digest.hex()}")
            self._known[digest] = program
        self._known.move_to_end(digest)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return program
