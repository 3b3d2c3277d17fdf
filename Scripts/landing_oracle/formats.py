"""Which reader a name is for."""
import csv, gzip, os, struct

from .arrays import read_npy, read_npz
from .rows_as_text import read_csv, read_json, read_jsonl
from .tables import read_arrow, read_parquet
from .wholeness import Broken

READERS = {
    "csv": read_csv, "jsonl": read_jsonl, "ndjson": read_jsonl, "json": read_json, "parquet": read_parquet, "arrow": read_arrow,
    "npy": read_npy, "npz": read_npz,
}


def read(path, data, key=None):
    """Rows and keys by the name's extension; unknown formats have neither."""
    name = os.path.basename(path).lower()
    if name.endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise Broken(str(error))
        name = name[:-3]
    if name.endswith(".zst"):
        return None, None
    reader = READERS.get(name.rsplit(".", 1)[-1])
    try:
        return reader(data, key) if reader else (None, None)
    except (UnicodeDecodeError, csv.Error, IndexError, struct.error) as error:
        raise Broken(str(error))
