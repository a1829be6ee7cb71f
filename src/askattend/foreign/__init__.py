"""Answers of models that were made elsewhere: transformers' classes, and servers that chat."""
