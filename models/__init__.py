"""Networks: training and export in torch; what is shipped is ONNX and a card, in `models/zoo`."""
