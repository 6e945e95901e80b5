"""What the tool says: one view of each result, drawn for a terminal or given as JSON."""
