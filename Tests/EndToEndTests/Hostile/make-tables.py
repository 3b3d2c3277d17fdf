#!/usr/bin/env python3
"""Makes tables that were made to do harm: make-tables.py DIRECTORY.

The columns that an honest file has are `id`, which is kept, and `x`, a number. Each module of `tables` registers the files of its kind.
"""
import sys

import hostile
import tables.arrays
import tables.arrow_files
import tables.compressed
import tables.no_tables
import tables.parquet_files
import tables.text

if __name__ == "__main__":
    hostile.main(sys.argv[1])
