"""One answer explained: its maps, how far they agree, and the page that shows them."""
