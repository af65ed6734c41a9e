"""What `docs/check` is made of."""
