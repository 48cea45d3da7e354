"""The report: one chapter a module, one HTML page."""
