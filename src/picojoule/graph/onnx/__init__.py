"""Reading ONNX files: load, infer, and the rules that turn nodes into ops."""
