"""How people reach the consultant: page, HTTP, command line."""
