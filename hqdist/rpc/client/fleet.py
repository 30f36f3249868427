"""The workers that a client knows: where they are, what they take, and what each has to do."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import grpc

from hqdist.errors import ConfigurationError, HqdistError, WorkerUnavailableError
from hqdist.execution import Capabilities
from hqdist.rpc.client.balance import Balance
from hqdist.rpc.client.transport import Transport, stub
from hqdist.rpc.failures import raised
from hqdist.rpc.messages import OFFER, REQUEST_ID, capabilities_from
from hqdist.rpc.service import Stub
from hqdist.rpc.v1 import worker_pb2 as pb

#: Seconds that a worker has to say what it is.
_METADATA_SECONDS = 10.0


@dataclass(frozen=True)
class Offer:
    """What the workers of a fleet have in common.

    Attributes:
        backend: Name of their backend.
        capabilities: What it can do.
        message_bytes: Most bytes of a message.
        name: What a worker calls it; the same offer may have several names.
    """

    backend: str
    capabilities: Capabilities
    message_bytes: int
    name: str = field(compare=False)


class OfferChangedError(Exception):
    """A worker does not offer what it did when it was asked: another one has taken its place."""


class Fleet:
    """Workers with the same backend. Used by all threads of a process.

    Args:
        addresses: Gives the workers' addresses, host:port, as they are now.
        transport: How they are spoken to.
    """

    def __init__(self, addresses: Callable[[], tuple[str, ...]], transport: Transport) -> None:
        self._addresses = addresses
        self._transport = transport
        self._lock = threading.Lock()
        self._balance = Balance()
        self._offers: dict[str, Offer] = {}
        self._common: Offer | None = None
        self._sent: set[tuple[str, str]] = set()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the workers are now."""
        return self._addresses()

    def stub(self, address: str) -> Stub:
        """To call a worker with."""
        return stub(self._transport, address)

    def call_metadata(self, request_id: str, address: str) -> tuple[tuple[str, str], ...]:
        """What a call to a worker carries along.

        Raises:
            AuthenticationError: If there should be a token and is none.
        """
        known = self._offers.get(address)
        offer = () if known is None else ((OFFER, known.name),)
        return ((REQUEST_ID, request_id), *offer, *self._transport.metadata())

    def forget_offers(self) -> None:
        """Ask the workers anew what they offer, when it is needed next."""
        with self._lock:
            self._offers.clear()
            self._common = None

    def offer(self) -> Offer:
        """What the workers offer; the first that answers tells.

        Raises:
            WorkerUnavailableError: If none can be reached.
            AuthenticationError: If they do not take the token.
        """
        if self._common is not None:
            return self._common
        addresses, reasons = self.addresses, []
        for address in addresses:
            try:
                return self.offer_of(address)
            except WorkerUnavailableError as error:
                reasons.append(str(error))
        raise WorkerUnavailableError("; ".join(reasons) or "there is no worker")

    def offer_of(self, address: str) -> Offer:
        """What one worker offers; asked for once.

        Raises:
            WorkerUnavailableError: If it cannot be reached.
            ConfigurationError: If it is not what the others offer: values would depend on who answers.
        """
        known = self._offers.get(address)
        if known is not None:
            return known
        try:
            reply = self.stub(address).Metadata(
                pb.MetadataRequest(), timeout=_METADATA_SECONDS, metadata=self.call_metadata("metadata", address)
            )
        except grpc.RpcError as error:
            failure: HqdistError = raised(error, address, "metadata")
            if isinstance(failure, TimeoutError):
                raise WorkerUnavailableError(f"worker {address} does not say what it is") from error
            raise failure from error
        can = capabilities_from(reply.capabilities)
        offer = Offer(reply.backend, can, int(reply.limits.message_bytes), reply.offer)
        with self._lock:
            if self._common is None:
                self._common = offer
            elif offer.capabilities.ledger != self._common.capabilities.ledger:
                raise ConfigurationError(
                    f"worker {address} records what is paid for in a ledger of its own; workers of one backend share "
                    "one (the option ledger), so that each can take up what another has submitted"
                )
            elif offer != self._common:
                raise ConfigurationError(
                    f"worker {address} offers {offer}, the others {self._common}; values would depend on who answers: "
                    "use workers with one backend and one configuration, or a Router"
                )
            self._offers[address] = offer
        return offer

    def pick(self, rows: int, busy: Collection[str] = ()) -> str | None:
        """Give so many rows to a worker, at once so that nobody else picks the same one meanwhile; None if none can."""
        with self._lock:
            address = self._balance.pick(self.addresses, time.monotonic(), busy)
            if address is not None:
                self._balance.given(address, rows)
            return address

    def next_up(self) -> float:
        """When the first worker that has failed may be tried again, in monotonic seconds."""
        with self._lock:
            return self._balance.next_up(self.addresses)

    def given(self, address: str, rows: int) -> None:
        """A worker was sent so many rows that it was not picked for."""
        with self._lock:
            self._balance.given(address, rows)

    def ended(self, address: str, rows: int) -> None:
        """It has answered, or never will."""
        with self._lock:
            self._balance.ended(address, rows)

    def worked(self, address: str) -> None:
        """A worker has answered."""
        with self._lock:
            self._balance.worked(address)

    def failed(self, address: str, least: float = 0.0) -> None:
        """A worker could not be reached, or asked to be left alone for some seconds at least."""
        with self._lock:
            self._balance.failed(address, time.monotonic(), least)

    def knows(self, address: str, digest: str) -> bool:
        """Whether a worker was sent a program, as far as is known here."""
        return (address, digest) in self._sent

    def sent(self, address: str, digest: str, *, known: bool = True) -> None:
        """A worker was sent a program; or has said that it does not know it."""
        with self._lock:
            if known:
                self._sent.add((address, digest))
            else:
                self._sent.discard((address, digest))
