"""Beyond one kind of device: federations, placement on device, edge and cloud, training runs."""

from __future__ import annotations

from picojoule.cluster.fleet.asynchronous import Asynchronous
from picojoule.cluster.fleet.clients import Client
from picojoule.cluster.fleet.compass import Compass
from picojoule.cluster.fleet.energy_aware import EnergyAware, cheapest_round
from picojoule.cluster.fleet.parts import parts_of
from picojoule.cluster.fleet.placement import Part, Placement, Tier, place, placements
from picojoule.cluster.fleet.policy import Answer, FleetPolicy, Start
from picojoule.cluster.fleet.recurring import Recurring, load_recurring
from picojoule.cluster.fleet.simulate import FleetResult, simulate_fleet
from picojoule.cluster.fleet.synchronous import Synchronous
from picojoule.cluster.fleet.training import Always, BatchPolicy, PrunedThompson, simulate_training

__all__ = [
    "Always", "Answer", "Asynchronous", "BatchPolicy", "Client", "Compass", "EnergyAware",
    "FleetPolicy", "FleetResult", "Part", "Placement", "PrunedThompson", "Recurring", "Start",
    "Synchronous", "Tier", "cheapest_round", "load_recurring", "parts_of", "place", "placements",
    "simulate_fleet", "simulate_training",
]  # fmt: skip
