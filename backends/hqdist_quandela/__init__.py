"""Quandela's platforms as backends of hqdist, and an emulator of the cloud service for trials and tests."""
