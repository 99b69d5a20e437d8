"""Where poses come from: the official LSP layout on disk or in a zip, and the synthetic set."""
