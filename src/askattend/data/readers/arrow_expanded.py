"""Size of Arrow's columns as Python's values: what repeats, or is a view, is told once there."""

from __future__ import annotations

from typing import Any


def expanded_size(array: Any) -> int:
    """Return the bytes of text that come of some rows of a column.

    Raises:
        TypeError: the column is of a type that is not read, since it is no type of tables that
            people write: its rows may be others' any number of times.
    """
    import pyarrow as pa

    kinds, kind = pa.types, array.type
    if isinstance(array, pa.ExtensionArray):
        return expanded_size(array.storage)
    if kinds.is_dictionary(kind):
        return _repeated(array)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return expanded_size(array.flatten())
    if kinds.is_map(kind):
        within = array.offsets[0].as_py(), array.offsets[-1].as_py()
        parts = (array.keys, array.items)
        return sum(expanded_size(part[within[0] : within[1]]) for part in parts)
    if kinds.is_struct(kind):
        return sum(map(expanded_size, array.flatten()))
    if _is(kinds, kind, "string_view", "binary_view"):
        return sum(value.as_buffer().size for value in array if value.is_valid)
    if kinds.is_union(kind) or _is(kinds, kind, "run_end_encoded", "list_view", "large_list_view"):
        raise TypeError(str(kind)[:100])
    return int(array.nbytes)


def _repeated(array: Any) -> int:
    """Return the bytes of all values of a column that holds numbers of what repeats."""
    numbers = array.indices.to_pylist()
    used = {at for at in numbers if at is not None}
    sizes = {at: expanded_size(array.dictionary[at : at + 1]) for at in used}
    return sum(sizes[at] for at in numbers if at is not None)


def _is(kinds: Any, kind: Any, *names: str) -> bool:
    """Tell a type that older versions of pyarrow do not have."""
    return any(
        hasattr(kinds, f"is_{name}") and getattr(kinds, f"is_{name}")(kind) for name in names
    )
