"""The file of a session: its format, writer, reader, recovery, and what stays out."""
