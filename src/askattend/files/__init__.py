"""Files: written whole or not at all; read within limits, whether they are packed or not."""

from askattend.files.reading import decode_json as decode_json
from askattend.files.reading import open_plain as open_plain
from askattend.files.reading import read_bytes as read_bytes
from askattend.files.reading import read_whole as read_whole
from askattend.files.writing import atomic_write as atomic_write
from askattend.files.writing import digest as digest
from askattend.files.writing import digest_of as digest_of
from askattend.files.writing import readable as readable
