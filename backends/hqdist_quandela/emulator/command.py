"""The command `hqdist cloud-emulator`."""

import signal
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from hqdist.errors import ConfigurationError

if TYPE_CHECKING:
    from hqdist_quandela.emulator import CloudEmulator


def cloud_emulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen on 127.0.0.1; 0 finds a port.")] = 0,
    token: Annotated[list[str] | None, typer.Option(help="A token to accept; may be repeated.")] = None,
    platform: Annotated[list[str] | None, typer.Option(help="A platform to offer; may be repeated. [all]")] = None,
    latency: Annotated[float, typer.Option(min=0, help="Seconds that every job takes besides its simulation.")] = 0.0,
    seed: Annotated[int | None, typer.Option(min=0, help="Makes results repeatable.")] = None,
) -> None:
    """Serve a loopback emulator of Quandela's cloud: not Quandela's service; it simulates on this machine.

    It serves until Ctrl-C. Jobs are kept in memory only.
    """
    from hqdist_quandela.emulator import DEFAULT_PLATFORMS, CloudEmulator

    known = {offered.name: offered for offered in DEFAULT_PLATFORMS}
    if missing := [name for name in platform or () if name not in known]:
        raise ConfigurationError(f"there is no emulated platform {', '.join(missing)}; there are {', '.join(known)}")
    offered = [replace(known[name], latency=latency) for name in platform or known]
    stopped = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with CloudEmulator(offered, tokens=token or ("emulator-token",), port=port, seed=seed) as emulator:
            typer.echo(_greeting(emulator, (token or ["emulator-token"])[0]))
            stopped.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _greeting(emulator: "CloudEmulator", token: str) -> str:
    name = emulator.platforms[0].name
    return "\n".join(
        [
            "hqdist cloud emulator: not Quandela's service; simulates on this machine",
            f"  url        {emulator.url}",
            f"  token      {token}",
            f"  platforms  {', '.join(platform.name for platform in emulator.platforms)}",
            "",
            "Use it from another shell:",
            f"  export PCVL_CLOUD_TOKEN={token} NO_PROXY=127.0.0.1",
            f'  hq.backend("quandela", platform="{name}", url="{emulator.url}")',
            f'  pcvl.RemoteProcessor("{name}", url="{emulator.url}")',
            "",
            "Ctrl-C ends it, and with it every job.",
        ]
    )
