"""Code generator behind `app new`, `app add`, `app destroy` and `app check`. Not imported by the app.

commands.py         command line
grammar.py          arguments → a `Resource`, or all errors
errors.py           errors with suggestions
access.py           `--read` and `--write`: who can do what
references.py       references to other resources and to users
names.py            forms of a name, and reserved names
plurals.py          English plurals
enum_values.py      values of enum fields
field_spec.py       a field as the command line specifies it
field_types/        what each field type is in the database, in JSON and in a form
field.py            a field in templates
unique.py           fields that are unique together
comparisons.py      comparisons of fields
comparison_samples.py  values of tests that meet the comparisons
constraints.py      the constraints of a table in templates
slugs.py            slugs made from another field, and in URLs
resource.py         a resource in templates
project.py          existing features
rendering.py        templates → files
staging.py          files → project: all of them, or none
migration.py        models → a migration, without a database
backfill.py         slugs for existing rows
editing.py          `app add`: new fields for an existing resource
three_way_merge.py  changes of the templates' output → edited files
removal.py          `app destroy`
features.py         `app new`: a resource, a page or an empty feature
resource_file.py    `app new resources`: many resources from a file
checks.py           `app check`
templates/          what is generated: edit them to customize it
"""
