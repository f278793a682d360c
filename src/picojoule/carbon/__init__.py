"""Footprint of joules: carbon, water, primary energy and resources, with sources and ranges.

work (J, s)  x  factors (grid, hardware, building)  ->  lines  ->  Footprint
"""

from picojoule.carbon.factor import Factor
from picojoule.carbon.footprint import Footprint, footprint
from picojoule.carbon.hourly import Hourly, read_hourly
from picojoule.carbon.line import Line, Sum
from picojoule.carbon.operational import Contract, contract_of
from picojoule.carbon.tables import Factors, load_factors

__all__ = [
    "Contract",
    "Factor",
    "Factors",
    "Footprint",
    "Hourly",
    "Line",
    "Sum",
    "contract_of",
    "footprint",
    "load_factors",
    "read_hourly",
]
