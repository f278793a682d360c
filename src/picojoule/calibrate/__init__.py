"""Predicted against measured: models fitted to public joules, and how wrong they are."""

from picojoule.calibrate.predict import predict
from picojoule.calibrate.validate import Validation, validate

__all__ = ["Validation", "predict", "validate"]
