"""The bytes on disk, as formats/ describes them."""
