"""Language model serving: joules per token from physics, fitted on ML.ENERGY."""
