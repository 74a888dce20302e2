"""A batch on Modal (modal.com): one container a video, results in an S3 bucket or a Modal volume.

    pip install . modal && modal setup
    modal run examples/modal_batch.py --jobs jobs.csv --output-dir s3://bucket/out

The container is built from this checkout. Of the bucket, a Modal secret named `aws` holds AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION. Videos and recordings in the jobs' file are addresses (s3://...), since
the containers do not see this machine's files.
"""

import sys
from pathlib import Path
from typing import Any

import modal

CHECKOUT = Path(__file__).parents[1]
MINUTES = 60

image = (
    modal.Image.debian_slim(python_version="3.12")
    .add_local_dir(CHECKOUT, "/synclips", copy=True, ignore=[".venv", ".git", "data", "outputs", "out", "shared"])
    .run_commands("pip install '/synclips[s3,provenance]'")
)
app = modal.App("synclips-batch", image=image)


@app.function(
    cpu=2.0, memory=6144, timeout=60 * MINUTES, retries=2, secrets=[modal.Secret.from_name("aws")], max_containers=100
)
def make(piece: Any) -> Any:
    """All lines of one piece (see synclips.batch.work): safe to do again, since what is there is kept."""
    from synclips.batch.work import make_piece

    return make_piece(piece)


class ModalEngine:
    """The interface of synclips.engines: the work is `make`, in containers."""

    def run(self, work: Any, items: Any) -> Any:
        """Results as they are ready; a piece whose container died three times is `Lost`."""
        from synclips.engines.engine import Lost

        del work
        results = make.map(items, order_outputs=True, return_exceptions=True)
        for item, result in zip(items, results, strict=True):
            yield item, Lost(str(result)) if isinstance(result, Exception) else result


@app.local_entrypoint()
def main(jobs: str, output_dir: str) -> None:
    """Dub every row of `jobs`; run again, only what is missing is made."""
    from synclips.batch.run import run_batch

    report = run_batch(Path(jobs), output_dir, ModalEngine())
    for result in report.failed:
        sys.stdout.write(f"row {result.number} failed: {result.reason}\n")
    sys.stdout.write(f"{report.counts()}: {output_dir}/report.html\n")
