"""Files: written whole or not at all; read within limits, whether they are packed or not."""

from askattend.files.reading import decode_json as decode_json
from askattend.files.reading import open_plain as open_plain
from askattend.files.reading import read_bytes as read_bytes
from askattend.files.reading import read_whole as read_whole
from askattend.files.unfinished import sweep as sweep
from askattend.files.whole import append as append
from askattend.files.whole import make_folder as make_folder
from askattend.files.whole import naming as naming
from askattend.files.whole import remove_empty as remove_empty
from askattend.files.whole import remove_tree as remove_tree
from askattend.files.whole import remove_whole as remove_whole
from askattend.files.whole import scratch_folder as scratch_folder
from askattend.files.whole import whole_file as whole_file
from askattend.files.whole import whole_folder as whole_folder
from askattend.files.whole import write_whole as write_whole
from askattend.files.writing import atomic_write as atomic_write
from askattend.files.writing import begin_manifest as begin_manifest
from askattend.files.writing import digest as digest
from askattend.files.writing import digest_of as digest_of
from askattend.files.writing import readable as readable
from askattend.files.writing import remove as remove
