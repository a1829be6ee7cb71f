"""Columns of Parquet files that no other program writes: what else is known of a question."""

from __future__ import annotations

BOXES, MEANING = "askattend_boxes", "askattend_meaning"
PAIRS, SUBSETS = "askattend_pairs", "askattend_subsets"
# Of ids some of which are numbers, and others text: which are numbers.
NUMBERED = "askattend_id_is_number"
# Of sets whose splits take turns: where in it a question stands.
POSITION = "askattend_position"
EXTRA = (BOXES, MEANING, PAIRS, SUBSETS, NUMBERED, POSITION)
