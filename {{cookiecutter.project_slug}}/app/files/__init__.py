"""Uploaded files: bytes in a store (`FILES_URL`), a row of `files` for each. Optional: delete the package to remove it.

    rules.py        what a field accepts: `FileRules(max_bytes=…, types=IMAGES)`
    uploads.py      `receive_file` stores an upload and adds its row; `discard_file` deletes both
    responses.py    `file_response` serves a file, or its thumbnail
    store.py        the store: a directory, S3, Google Cloud Storage or Azure
    media_types.py  detects types from bytes; `names.py` cleans names; `images.py` encodes images again
    jobs.py         makes thumbnails, and deletes what nothing refers to

A model refers to a file by `ForeignKey("files.id", ondelete="SET NULL")`. Each file belongs to one row: one without a
reference is deleted. Who may read it is up to the route: it selects the row that refers to the file by its own scope.
"""
