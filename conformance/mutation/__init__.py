"""Mutants that a program makes of the source of the reference, and what the cases notice of them."""
