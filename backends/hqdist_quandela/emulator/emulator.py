"""The emulator as its users hold it."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from hqdist.errors import ConfigurationError
from hqdist_quandela.emulator.faults import FaultPlan, Faults
from hqdist_quandela.emulator.http import LoopbackServer
from hqdist_quandela.emulator.platform import DEFAULT_PLATFORMS, Platform
from hqdist_quandela.emulator.service import Service
from hqdist_quandela.emulator.statistics import Statistics


class CloudEmulator:
    """A loopback stand-in for Quandela's cloud: not Quandela's service; it simulates on this machine.

    It speaks the HTTP that Perceval's client speaks, runs jobs on Perceval's simulators, counts jobs and shots, and
    misbehaves when told to:

        with CloudEmulator(seed=1) as emulator:
            processor = pcvl.RemoteProcessor("sim:emulated", "emulator-token", url=emulator.url)

    Jobs live in memory: they are gone once the emulator is. One instance serves once.

    Besides what Perceval's client uses, `GET /api/job` lists the token's jobs as a JSON list of objects with the keys
    id, job_id, job_name, name, status, platform_name and creation_datetime, oldest first. Public scripts make this
    call on the real service; Perceval's client does not, and its answer is not documented.

    Args:
        platforms: What it offers; by default `sim:emulated`, `sim:emulated-belenos` and `qpu:emulated`.
        tokens: The tokens it accepts. Each sees only its own jobs.
        port: Where it listens on 127.0.0.1; 0: a free port.
        faults: How it misbehaves.
        credits: What all tokens together may spend before jobs on platforms with a price are refused; None: no limit.
            A job is charged when it ends, so the last one may overdraw.
        seed: Makes the results of the n-th job created depend on (seed, n) only. Beyond some thousands of output
            states, where Perceval samples, its threads still do as they like.
        listing: Whether `GET /api/job` lists jobs; otherwise it answers 404.
    """

    def __init__(
        self,
        platforms: Sequence[Platform] | None = None,
        *,
        tokens: Sequence[str] = ("emulator-token",),
        port: int = 0,
        faults: Faults | None = None,
        credits: float | None = None,  # noqa: A002 - the field's word
        seed: int | None = None,
        listing: bool = True,
    ) -> None:
        platforms = DEFAULT_PLATFORMS if platforms is None else tuple(platforms)
        if not platforms or len({platform.name for platform in platforms}) < len(platforms):
            raise ConfigurationError("an emulator needs at least one platform, and each needs a name of its own")
        if isinstance(tokens, str) or not tokens or not all(tokens):
            raise ConfigurationError("tokens is a sequence of at least one token, none of them empty")
        self._plan = FaultPlan(faults or Faults())
        self._service = Service(platforms, tokens, self._plan, credits, seed)
        self._port = port
        self._listing = listing
        self._server: LoopbackServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Serve, in threads of this process.

        Raises:
            ConfigurationError: If the port cannot be listened on.
        """
        if self._server is not None:
            raise ConfigurationError("this emulator was started before; make another one")
        try:
            self._server = LoopbackServer(self._port, self._service, self._plan, self._listing)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(f"cannot listen on 127.0.0.1:{self._port} ({error}); 0 finds a port") from error
        self._service.start()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="hqdist cloud emulator"
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and end every thread; jobs that have not ended are canceled."""
        if self._server is None or self._thread is None:
            return
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._thread = None
        self._service.stop()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash: Perceval's client takes it so."""
        if self._server is None:
            raise ConfigurationError("this emulator has no address before it is started")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What it offers."""
        return self._service.platforms

    @property
    def faults(self) -> Faults:
        """How it misbehaves; assigning replaces all that was planned."""
        return self._plan.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._plan.replace(faults)

    def hold(self, after_iterations: int = 0) -> None:
        """Let every job wait, running, once it has computed this many iterations: until `release` or a cancel."""
        self._service.hold(after_iterations)

    def release(self) -> None:
        """Let held jobs go on."""
        self._service.release()

    def wait_until(self, condition: Callable[[Statistics], bool], timeout: float = 30.0) -> None:
        """Wait until the statistics fulfil a condition, such as a number of jobs created or of iterations done.

        Raises:
            TimeoutError: If they have not within `timeout` seconds.
        """
        if not self._service.wait_until(condition, timeout):
            raise TimeoutError(f"what was waited for has not happened within {timeout} s")

    def wait_for(self, job_id: str, *statuses: str, timeout: float = 30.0) -> None:
        """Wait until a job has one of these states; by default until it is over.

        Raises:
            TimeoutError: If it has none of them within `timeout` seconds.
            KeyError: If there is no such job.
        """
        wanted = statuses or ("completed", "error", "canceled")
        if not self._service.wait_until(lambda statistics: statistics.job(job_id).status in wanted, timeout):
            raise TimeoutError(f"job {job_id} is not {' or '.join(wanted)} after {timeout} s")

    def statistics(self) -> Statistics:
        """What was counted so far."""
        return self._service.statistics()
