"""The checks of `app doctor` in the admin. To remove them, delete this folder and `templates/doctor.html`."""
