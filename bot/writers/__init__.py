"""Writers turn what was retrieved into the statements of an answer."""
