"""Code generator behind `app new`, `app add`, `app destroy` and `app check`. Not imported by the app.

commands.py    the command line
grammar.py     its words → a `Resource`, or every problem at once
names.py       names, and the words that are taken
plurals.py     one book, many books
kinds/         what each kind of field is, in the database, in JSON and in a form
resource.py    what templates may read
project.py     the features that are there already
rendering.py   templates → texts
writing.py     texts → files: all of them, or none
migration.py   models → a migration, without a database
editing.py     a field that comes later
merging.py     what templates write now → files that their owner changed
removal.py     the way back
slices.py      a page, an empty feature
checking.py    what a machine can say without running the tests
templates/     what is written: change it to your house style
"""
