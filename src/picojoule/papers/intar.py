"""InTAR: sequential against dataflow schedules on an FPGA, from its measured cycles."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict

# Cycles and milliseconds on a U280, sequential and dataflow (OswaldHe/InTAR, READMEs).
MEASURED = {
    "MLP": ((1_374_935, 4.770), (181_996, 0.742)),
    "CNN-4L": ((2_215_282, 7.630), (713_144, 2.536)),
}


def check(data: Path | None) -> list[Finding]:
    """Ratios of cycles and of times, and whether both order the schedules alike."""
    (mlp, mlp_flow), (cnn, cnn_flow) = MEASURED.values()
    return [
        Finding(
            "MLP, cycles sequential over dataflow",
            7.6,
            mlp[0] / mlp_flow[0],
            "",
            0.007,
            derived=True,
        ),
        Finding(
            "CNN-4L, cycles sequential over dataflow",
            3.1,
            cnn[0] / cnn_flow[0],
            "",
            0.016,
            derived=True,
        ),
        Finding(
            "MLP, time sequential over dataflow", 1, mlp[1] / mlp_flow[1], "", 0, ">=", derived=True
        ),
        Finding(
            "CNN-4L, time sequential over dataflow",
            1,
            cnn[1] / cnn_flow[1],
            "",
            0,
            ">=",
            derived=True,
        ),
    ]


PAPER = Paper(
    name="intar",
    row=104,
    title="InTAR: inter-task auto-reconfigurable accelerator design for high data volume variation",
    source="He et al., FCCM 2025; cycles of the READMEs of OswaldHe/InTAR (MIT)",
    claim="Dataflow schedules avoid off-chip intermediates: 7.6x (MLP) and 3.1x (CNN-4L) fewer "
    "cycles than sequential ones.",
    composition="published cycles and times only; no model of ours",
    verdict=Verdict.NOT_CHECKABLE,
    check=check,
)
