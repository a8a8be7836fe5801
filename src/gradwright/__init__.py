"""gradwright writes the derivatives of a formula or a neural network."""
