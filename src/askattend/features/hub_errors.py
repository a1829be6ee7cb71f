"""Errors about models of the hub, for those who load their parts."""

from __future__ import annotations

from pathlib import Path

from askattend.errors import FeatureError

# What the name of a backbone from the model hub, or from a local folder, starts with.
PREFIX = "hf:"


def not_to_be_had(source: str, label: str, error: OSError) -> FeatureError:
    """Make the error for a model that cannot be loaded from the hub, or from its folder."""
    if Path(source).is_dir():
        return FeatureError(
            f"the folder holds no complete model ({first_line(error)})",
            where=label,
            remedy="Write it with transformers' save_pretrained.",
        )
    return FeatureError(
        "not on this machine, and the model hub could not be reached or does not have it "
        f"({first_line(error)})",
        where=label,
        remedy="Check the name, load it once with network access, or give a local folder, "
        f"{PREFIX}FOLDER. The default backbone needs no network.",
    )


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or else the name of its type."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
