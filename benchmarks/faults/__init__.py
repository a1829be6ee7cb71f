"""Faults made on purpose: processes killed at any step of a write, disks of which a step fails."""
