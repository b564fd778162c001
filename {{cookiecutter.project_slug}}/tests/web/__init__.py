"""Tests of the pages, and the browser that they use."""
