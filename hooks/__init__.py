"""Hooks that cookiecutter runs before and after it generates a project."""
