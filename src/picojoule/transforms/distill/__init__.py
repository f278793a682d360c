"""Losses and adapters to train a changed model back."""
