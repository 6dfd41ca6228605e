"""Scripted evaluation: cases → answers → scores → report."""
