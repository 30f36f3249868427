"""Side-by-side measurements of hqdist and its peers: see README.md."""
