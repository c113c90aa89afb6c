"""The report of a run or a study: one HTML page that needs nothing else."""

from a3lib.report.page import write_report

__all__ = ["write_report"]
