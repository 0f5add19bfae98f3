"""What the end-to-end tests share: servers to test, clients of our own writing, and looks behind the scenes."""
