"""Accuracy and other figures of answers, and how sure they are."""
