"""Seconds of GPU kernels by shape: laws, measured samples, and the fit between them."""

from picojoule.calibrate.kernels.fit import Kernels, fit_law, leave_one_out, shipped
from picojoule.calibrate.kernels.laws import DEVICES, AllReduce, Device, Matmul, Vector

__all__ = [
    "DEVICES",
    "AllReduce",
    "Device",
    "Kernels",
    "Matmul",
    "Vector",
    "fit_law",
    "leave_one_out",
    "shipped",
]
