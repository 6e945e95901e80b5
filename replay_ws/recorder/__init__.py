"""Sessions from elsewhere: importers, and the exporter that is their other direction."""
