"""Decoders of Hugging Face, from their configs alone."""
