"""Networks in ONNX files: read as graphs of nodes, whoever exported them; no code in them runs."""
