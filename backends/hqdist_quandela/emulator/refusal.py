"""How the emulator says no."""

from typing import Any

from hqdist.errors import HqdistError


class CallRefusedError(HqdistError):
    """A call is answered with an HTTP status other than 200."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(status, message)

    def body(self) -> dict[str, Any]:
        """The answer's body, in the shape of Quandela's."""
        return {"detail": {}, "error": self.message}


class JobFailedError(HqdistError):
    """A job cannot be run on its platform; its status says why."""
