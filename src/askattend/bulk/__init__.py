"""Questions about very many images, answered by parts that an interruption cannot damage."""
