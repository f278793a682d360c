"""Other computations with the same interface: attention, recurrence, experts, streams."""
