"""Choose: which changes save joules, and prove it."""

from picojoule.search.candidate import Candidate, Recipe
from picojoule.search.front import Front
from picojoule.search.loop import optimize

__all__ = ["Candidate", "Front", "Recipe", "optimize"]
