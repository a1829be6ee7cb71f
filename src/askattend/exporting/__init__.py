"""Trained runs for other programs: graphs in ONNX, and a page that answers in the browser."""
