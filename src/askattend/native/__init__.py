"""Code in C that this system's compiler makes quick for its processor; nothing needs it."""
