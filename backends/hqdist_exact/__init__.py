"""The exact backend of hqdist."""

from hqdist_exact.backend import ExactBackend

__all__ = ["ExactBackend"]
