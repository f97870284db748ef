"""What a run came to: tables, curves and a strip of pictures, all made again from its rows and pictures."""

from pathlib import Path


def write_report(folder: Path) -> list[Path]:
    """figures/, then summary.md and summary.csv of a run: a folder with the last is reported on whole."""
    from linksim.report.plots import write_figures
    from linksim.report.strip import write_strip
    from linksim.report.table import write_tables

    return [*write_figures(folder), *write_strip(folder), *write_tables(folder)]
