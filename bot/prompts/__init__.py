"""Prompts: one Markdown file each, its parts labelled by technique, and the loader that renders them."""
