"""Support for the tests of the container files: a Docker engine, base images and tools."""
