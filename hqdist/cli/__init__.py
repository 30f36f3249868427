"""The command line: `hqdist train`, `hqdist backends`, `hqdist jobs`, and what other packages add."""

from hqdist.cli.app import main

__all__ = ["main"]
