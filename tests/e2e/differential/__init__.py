"""The same conversations with several servers, what came of them, and what may differ (test_differential.py)."""
