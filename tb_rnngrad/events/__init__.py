"""All that knows bytes: records, flows and metadata in event files."""
