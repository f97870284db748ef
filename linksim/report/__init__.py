"""What a run came to, made again from its rows and pictures, and what several came to beside each other.

table  lines  fields     numbers by point, in words
plots  strip             a run's own figures                       curves  panels  style   what they share
main   xy  grid  asked   a figure of columns, or of pictures, that its reader chose      stacks  one of losses
page                     one HTML page of runs and error rates: page_sources -> page_data, page_theory,
                         page_pictures, page_tables, page_ber, page_reproduce -> assets/
"""

from pathlib import Path


def write_report(folder: Path) -> list[Path]:
    """figures/, then summary.md and summary.csv of a run: a folder with the last is reported on whole."""
    from linksim.report.main import write_main
    from linksim.report.plots import write_figures
    from linksim.report.strip import write_strip
    from linksim.report.table import write_tables

    return [*write_figures(folder), *write_strip(folder), *write_main(folder), *write_tables(folder)]
