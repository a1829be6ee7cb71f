"""All of these tests need a compiler."""

from compiler import compiled as compiled
