"""What the tests of the container files need: an engine, base images, tools."""
