"""Networks and features made elsewhere, as run folders and feature stores."""
