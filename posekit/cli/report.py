"""`report` and `runs`: run the notebooks, and look at what was run."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from posekit import files
from posekit.cli import options as shared
from posekit.errors import PosekitError
from posekit.files import from_root


def add(commands):
    """Add both commands."""
    _add_report(commands)
    _add_runs(commands)


def _add_report(commands):
    parser = shared.add_command(
        commands,
        "report",
        report,
        details="--verify, --compare and --track each do something else instead.\n--verify runs a "
        "finished report again, with its own settings, in a folder next to it; exit status\n1 if "
        "numbers differ. --compare writes one page on two finished reports or trainings; exit\n"
        "status 1 if nothing can be compared. --track copies the numbers of a run on LSPet into\n"
        f"reports/photographs.json, which notebooks show next to others.\n\n{shared.DATA_DETAILS}",
        example="report --data data/raw/lspet_dataset.zip --profile full",
    )
    shared.add_data_options(parser, has_split=False)
    what = "folder of the run, or --compare's page (default: in reports/)"
    shared.add_out(parser, what, "--run-dir", "--html", metavar="PATH")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="[NOTEBOOK.]NAME=VALUE",
        help="a notebook's parameter, e.g. 02_training.epochs=50; may be repeated",
    )
    parser.add_argument("--resume", action="store_true", help="skip notebooks that are up to date")
    for option, metavar, what in (
        ("--verify", "RUN", "run this report again and compare all numbers"),
        ("--compare", ("RUN_A", "RUN_B"), "write one page on two reports or trainings"),
        ("--track", "RUN", "copy a run's numbers into reports/photographs.json"),
    ):
        settings = {"metavar": metavar, "nargs": None if metavar == "RUN" else 2}
        shared.add_option(parser, option, f"instead, {what}", type=shared.absolute_path, **settings)
    shared.add_force(parser)


def report(options):
    """Run all notebooks in order and write HTML reports with an index."""
    from posekit.report import runner

    if options.verify is not None:
        return _verify(options.verify)
    if options.compare is not None:
        shared.check_new(options, options.out)
        return _compare(*options.compare, options.out)
    if options.track is not None:
        from posekit.studies import photographs

        print(photographs.TRACKED, *photographs.collect(options.track), sep="\n")
        return 0
    data_name = "+".join(Path(path).stem for path in options.data.split(os.pathsep))
    run_dir = options.out or Path("reports") / f"{options.profile}-{data_name}"
    parameters = {
        "data": options.data,
        "profile": options.profile,
        "seed": options.seed,
        "bad_images": shared.bad_images(options),
    }
    try:
        index = runner.run(
            shared.output_path(run_dir),
            parameters=parameters,
            overrides=options.set,
            resume=options.resume,
        )
    except runner.ReportFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        print(failure.index)
        return 1
    print(index)
    return 0


def _verify(run_dir):
    """Run a finished report again next to it, compare, and write and print what differs."""
    from posekit.provenance import provenance
    from posekit.report import runner, verify

    settings = verify.settings(run_dir)
    rerun_dir = Path(tempfile.mkdtemp(prefix=f"{run_dir.name}-again-", dir=run_dir.parent))
    try:
        runner.run(rerun_dir, parameters={}, **settings)
        result = verify.compare(run_dir, rerun_dir)
    except runner.ReportFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except PosekitError:
        shutil.rmtree(rerun_dir)
        raise
    files.write_json(run_dir / "verification.json", {**result, **provenance()})
    print(verify.to_text(result))
    if not result["agrees"]:
        print(f"the rerun stays in {rerun_dir}")
        return 1
    shutil.rmtree(rerun_dir)
    return 0


def _compare(first_dir, second_dir, html):
    """Write the page that compares two runs, print the differences and where the page is."""
    from posekit.report import compare

    first, second = map(compare.open_run, (first_dir, second_dir))
    names = compare.names_of(first, second)
    result = compare.compare(first, second)
    if html is None:
        stem = "-and-".join(run.folder.resolve().name for run in (first, second))
        html = shared.output_path(Path("reports") / f"compare-{stem}.html")
    print(compare.to_text(result, names))
    files.write_text(html, compare.page(result, names))
    print(html)
    return 0 if any(pair["scores"] or pair["over_seeds"] for pair in result["pairs"]) else 1


def _add_runs(commands):
    parser = shared.add_command(
        commands,
        "runs",
        runs,
        details="The page sorts and filters. The exit status is 1 if a run cannot be read.\n"
        "All --where must hold; ~ finds a part of the text; quote < and >.",
        example="runs reports --where network=poster_plain --sort validation_mse",
    )
    what, default = "folder to search (default: the project's reports/)", from_root("reports")
    parser.add_argument("folder", nargs="?", type=shared.absolute_path, default=default, help=what)
    table = "which table to print, sort and filter"
    shared.add_option(parser, "--of", table, choices=("trainings", "reports"), default="trainings")
    sort = "any column or setting (default: newest first)"
    shared.add_option(parser, "--sort", sort, metavar="COLUMN")
    shared.add_option(parser, "--reverse", "largest first", action="store_true")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="COLUMN=VALUE, or != < <= > >= ~ for =; may be repeated",
    )
    shared.add_out(parser, "the page (default: runs.html in FOLDER)", "--html", metavar="FILE")
    shared.add_force(parser)


def runs(options):
    """List reports and trainings, here and on a page."""
    from posekit.report import runs as report_runs

    shared.check_new(options, options.out)
    folder = options.folder
    tables, problems = report_runs.find(folder)
    chosen = {"sort": options.sort, "reverse": options.reverse, "where": options.where}
    for kind, rows in tables.items():
        tables[kind] = report_runs.select(rows, **(chosen if kind == options.of else {}))
    html = options.out or folder / "runs.html"
    page = report_runs.page(folder, tables, written_to=html.parent)
    print(report_runs.to_text(tables[options.of], options.of))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    shared.write_page(html, page, is_asked=options.out is not None)
    return 1 if problems else 0
