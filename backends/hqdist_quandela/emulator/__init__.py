"""A loopback emulator of Quandela's cloud service: not Quandela's service; it simulates on this machine."""

from hqdist_quandela.emulator.emulator import CloudEmulator
from hqdist_quandela.emulator.faults import Faults
from hqdist_quandela.emulator.platform import DEFAULT_PLATFORMS, Platform
from hqdist_quandela.emulator.statistics import JobRecord, Statistics

__all__ = ["DEFAULT_PLATFORMS", "CloudEmulator", "Faults", "JobRecord", "Platform", "Statistics"]
