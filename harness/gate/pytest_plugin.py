"""The gate as a pytest plugin; importing it must stay cheap for everyone's pytest."""
