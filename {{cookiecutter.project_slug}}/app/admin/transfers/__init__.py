"""Large exports and imports, which run as jobs: `app/admin/imports/jobs.py` imports.

caller.py    the request that a job passes to the admin's views, with the current permissions of its user
jobs.py      writes the file of an export, from where the last attempt stopped
download.py  the file that a job made, and who may download it
pages.py     pages with the progress, the file, and the report of an import
"""
