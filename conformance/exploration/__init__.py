"""Scenarios that nobody wrote: drawn, played, judged by invariants and an oracle, shrunk, and kept."""
