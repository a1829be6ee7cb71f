"""askattend: small visual question answering whose attention you can see."""
