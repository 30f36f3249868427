"""The command `hqdist worker`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqdist.cli.one_line import one_line_errors

if TYPE_CHECKING:
    from hqdist.execution import Backend
    from hqdist.rpc import WorkerSettings


def worker(
    backend: Annotated[str, typer.Option(help="Who evaluates: a name or a URI.")] = "exact",
    config: Annotated[
        Path | None, typer.Option(help="TOML file with a table \\[backend], its name and options.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 lets the system choose.")] = 50051,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Threads that compute; all cores if not given.")
    ] = None,
    certificate: Annotated[str | None, typer.Option(help="PEM file of the certificate, for TLS.")] = None,
    key: Annotated[str | None, typer.Option(help="PEM file of its private key.")] = None,
    client_authority: Annotated[str | None, typer.Option(help="PEM file of who signs callers' certificates.")] = None,
    token_file: Annotated[str | None, typer.Option(help="File of tokens that callers show, one a line.")] = None,
    token_variable: Annotated[str | None, typer.Option(help="Environment variable of a token.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Listen beyond this machine without these.")] = False,
    batch_rows: Annotated[int, typer.Option(min=1, help="Most rows of several callers computed together.")] = 1024,
    batch_delay: Annotated[float, typer.Option(min=0, help="Seconds to wait for others to compute with.")] = 0.0,
    slots: Annotated[int, typer.Option(min=1, help="Batches at a time; more than 1 for devices that wait.")] = 1,
    queue: Annotated[int, typer.Option(min=1, help="Most requests that wait.")] = 1000,
    drain_seconds: Annotated[float, typer.Option(min=0, help="Seconds to finish with what is there.")] = 30.0,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port for Prometheus; 0 lets the system choose.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug tells of every request, info of the worker itself.")] = "info",
    log_format: Annotated[str, typer.Option(help="text, or json for an object a line.")] = "text",
) -> None:
    """Serve a backend over gRPC, until SIGTERM or Ctrl-C, which let it finish what it has."""
    with one_line_errors():
        from hqdist.rpc import QueueLimits, Security, WorkerSettings, keep_freed_memory, log_to_stderr

        settings = WorkerSettings(
            host=host,
            port=port,
            queue=QueueLimits(requests=queue, batch_rows=batch_rows, batch_delay=batch_delay, slots=slots),
            security=Security(
                certificate=certificate,
                key=key,
                client_authority=client_authority,
                token_file=token_file,
                token_variable=token_variable,
                insecure=insecure,
            ),
            drain_seconds=drain_seconds,
            metrics_port=metrics_port,
        )
        log_to_stderr(log_level, log_format)
        keep_freed_memory()
        _serve(_backend(backend, config), settings, threads)


def _backend(name: str, config: Path | None) -> "Backend":
    from hqdist.errors import ConfigurationError
    from hqdist.execution import backend

    if config is None:
        return backend(name)
    import tomllib

    try:
        tables: dict[str, Any] = tomllib.loads(config.read_text())
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{config} cannot be read: {error}") from error
    if set(tables) != {"backend"}:
        raise ConfigurationError(f"{config} has one table, [backend], got {', '.join(tables) or 'nothing'}")
    return backend(tables["backend"])


def _serve(backend: "Backend", settings: "WorkerSettings", threads: int | None) -> None:
    import asyncio
    import signal

    import torch

    from hqdist.rpc import Worker

    if threads is not None:
        torch.set_num_threads(threads)

    async def run() -> None:
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        server = Worker(backend, settings)
        try:
            await server.start()
            if server.metrics_port is not None:
                typer.echo(f"metrics on http://{settings.host}:{server.metrics_port}/metrics", err=True)
            typer.echo(f"hqdist worker {server.name}: {backend.name} on {settings.host}:{server.port}")
            await told.wait()
            await server.drain()
        finally:
            await server.stop()

    asyncio.run(run())
