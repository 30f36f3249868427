"""The sampling backend: shots, as a photonic device gives them, drawn on this machine."""

from hqdist_sampling.backend import SamplingBackend

__all__ = ["SamplingBackend"]
