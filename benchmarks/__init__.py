"""Costs of training, answering and reading here, beside a plain implementation."""
