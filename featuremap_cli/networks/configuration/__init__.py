"""Networks from Keras configurations as graphs of ONNX's operators: a module for each family of layers."""
