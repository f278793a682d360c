"""MLPerf Tiny: joules an inference of four small networks on microcontrollers."""
