"""What the speed claims rest on: the product measured beside what its users would otherwise take."""
