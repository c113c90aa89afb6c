"""The report of a run or a study: one HTML page that needs nothing else."""

from a3lib.report.page import REPORT_FILE, write_report

__all__ = ["REPORT_FILE", "write_report"]
