"""The command line of bulk work.

python -m batch score scans/ results/                 # a folder, results as Parquet files
python -m batch score 'scans/**/*.png' results/ --format csv
python -m batch score scans.zip s3://bucket/results   # or .tar, .tar.gz, an IDX file
python -m batch score s3://bucket/scans s3://bucket/results --config lithops.yaml
python -m batch prepare s3://bucket/photos s3://bucket/digits  # 7/a.jpg shows a seven; python -m training reads them
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from batch import preload
from batch.localhost import start_fork_server
from batch.options import add_prepare_options, add_score_options
from config import assets_cache, load_settings
from core.checkpoint import load_checkpoint
from core.command_line import INTERRUPTED, TERMINATED, add_command
from core.errors import ServiceError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 after one line that says why, or 130 when interrupted."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        status: int = options.command(options)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on after what is done", file=sys.stderr)
        return INTERRUPTED
    except (ServiceError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return status


def _score(options: argparse.Namespace) -> int:
    settings = load_settings()
    checkpoint = load_checkpoint(settings.assets_dir, settings.model_name, settings.assets_sha512, assets_cache())
    _import_ahead(options, preload.to_score(settings.engine, checkpoint, options.source, options.target))
    from batch.job import ScoreJob, score
    from batch.report import complaints, lines, write_report

    job = ScoreJob(
        source=options.source,
        target=options.target,
        checkpoint=checkpoint,
        engine=settings.engine,
        device=settings.device,
        max_image_pixels=settings.max_image_pixels,
        max_bytes=settings.max_upload_bytes,
        kind=options.format,
        batch_size=getattr(options, "batch_size", None),
        workers=options.workers,
        config=getattr(options, "config", None),
    )
    outcome = score(job)
    write_report(job, outcome)
    print(*lines(outcome, options.target), sep="\n")
    for line in complaints(outcome):
        print(line, file=sys.stderr)
    return 0 if outcome.complete else 1


def _prepare(options: argparse.Namespace) -> int:
    settings = load_settings()
    _import_ahead(options, preload.to_prepare(options.source, options.target))
    from batch.prepare.job import PrepareJob, prepare
    from batch.report import complaints, lines

    job = PrepareJob(
        source=options.source,
        target=options.target,
        labels=getattr(options, "labels", None),
        test_share=options.test_share,
        max_image_pixels=settings.max_image_pixels,
        max_bytes=settings.max_upload_bytes,
        batch_size=getattr(options, "batch_size", None),
        workers=options.workers,
        config=getattr(options, "config", None),
    )
    outcome, manifest = prepare(job)
    print(*lines(outcome, options.target, "prepared"), sep="\n")
    for line in complaints(outcome, ""):
        print(line, file=sys.stderr)
    if manifest is None:
        return 1
    print(f"training digits {manifest.training:,}, test digits {manifest.test:,}")
    if not outcome.tally.scored:
        print("error: no picture was prepared: see the codes above", file=sys.stderr)
    return 0 if outcome.tally.scored else 1


def _import_ahead(options: argparse.Namespace, modules: Sequence[str]) -> None:
    """Let the process that activations are forked from import these modules while this one imports as much."""
    if not hasattr(options, "config"):
        start_fork_server(modules)  # for nothing where Lithops finds a configuration by itself


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m batch", description="Pictures by the million, on Lithops.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_command(commands, "score", _score, "read the digits in pictures", add_score_options)
    add_command(commands, "prepare", _prepare, "make data to train on of pictures", add_prepare_options)
    return parser


if __name__ == "__main__":
    sys.exit(main())
