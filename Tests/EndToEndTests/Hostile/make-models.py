#!/usr/bin/env python3
"""Makes models that were made to do harm: make-models.py DIRECTORY.

Those of which an engine would make too much while it loads them are in `Tests/ModelSupport/BombModels.swift`; here is what needs the bytes
of a file: what its messages say and do not hold, external data, names, nesting, and graphs that outgrow the machine only when they run.
What belongs to NAME.onnx is in NAME.d. Each module of `models` registers the files of its kind.
"""
import sys

import hostile
import models.constants
import models.external_data
import models.graphs
import models.loops
import models.messages
import models.tensors

if __name__ == "__main__":
    hostile.main(sys.argv[1])
