"""What takes minutes: `make test-slow`."""
