"""Reads and writes records, flows and metadata in event files."""
