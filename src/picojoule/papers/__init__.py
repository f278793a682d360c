"""Reproduced papers: each file is a claim, a composition, the published number and ours."""

from picojoule.papers.paper import Finding, Paper, Verdict, verdict_of

__all__ = ["Finding", "Paper", "Verdict", "verdict_of"]
