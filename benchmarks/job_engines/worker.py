"""Runs jobs until it is killed: `python -m benchmarks.job_engines.worker ENGINE OPTIONS`."""

import json
import sys
from pathlib import Path

import uvloop

from benchmarks.job_engines.engine import Options
from benchmarks.job_engines.engines import build

if __name__ == "__main__":
    options = json.loads(sys.argv[2])
    uvloop.run(build(sys.argv[1], Options(**{**options, "folder": Path(options["folder"])})).work())
