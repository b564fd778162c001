"""What cookiecutter runs before and after it makes a project."""
