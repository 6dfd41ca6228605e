"""What is timed and measured, each figure beside the baseline it must beat, in the same run: `make bench`."""
