"""Measured time and energy."""

from picojoule.meter.interleave import Burster, CallTime, Timing, ratio, time_interleaved

__all__ = ["Burster", "CallTime", "Timing", "ratio", "time_interleaved"]
