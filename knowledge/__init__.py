"""What the documents say: from files to passages that can be cited."""
