"""Accuracy and other figures of answers, with their intervals and tests."""
