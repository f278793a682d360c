"""GPU power limits: time and power of a training run at each limit, and which limit is best."""
