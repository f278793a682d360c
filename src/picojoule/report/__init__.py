"""Views of ledgers, comparisons and searches: text for a terminal, one HTML file, and JSON.

Nothing here computes beyond layout; sums come from the ledger.
"""
