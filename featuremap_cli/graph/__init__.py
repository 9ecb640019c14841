"""Networks as graphs of ONNX's operators: nodes, layers, gradients, and the runtime; no file format, no framework."""
