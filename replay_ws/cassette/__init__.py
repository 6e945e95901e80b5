"""The file of a session: its format, how it is written, read, checked and mended, and what stays out."""
