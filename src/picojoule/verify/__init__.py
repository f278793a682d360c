"""Whether a changed model may be accepted. Nothing joins a front except through here."""

from picojoule.verify.accuracy import Accuracy
from picojoule.verify.drift import Drift, drift
from picojoule.verify.drop import Verdict, judge

__all__ = ["Accuracy", "Drift", "Verdict", "drift", "judge"]
