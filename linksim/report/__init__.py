"""What a run came to: tables, curves and a strip of pictures, all made again from its rows and pictures."""

from pathlib import Path


def write_report(folder: Path) -> None:
    """summary.csv, summary.md and figures/ of a run."""
    from linksim.report.plots import write_figures
    from linksim.report.strip import write_strip
    from linksim.report.table import write_tables

    write_tables(folder)
    write_figures(folder)
    write_strip(folder)
