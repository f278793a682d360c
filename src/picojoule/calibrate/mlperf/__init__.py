"""MLPerf Inference power rows: edge CNNs on boards, and whole systems of the closed division."""
