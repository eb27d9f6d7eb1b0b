"""Encoding and decoding the user's files: a config used as a codec."""
