"""The exact simulator."""
