"""The file of a session: its format, format, writer, reader, recovery, and what stays out."""
