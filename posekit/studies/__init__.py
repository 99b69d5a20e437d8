"""What each notebook finds out: one module a notebook, numbers in, artifact and answer out.

Every module has functions that compute, one that gathers the notebook's artifact as a JSON-ready
dict with a "headline" (label, value, optional interval and note), and `answer`, which words that
artifact as Markdown.
"""
