"""Threads are pinned, so that results don't depend on how many cores the machine has."""

import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("COLUMNS", "120")
