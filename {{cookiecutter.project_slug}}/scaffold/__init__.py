"""Code generator: `app new`, `add`, `change`, `rename`, `remove`, `destroy`, `check`, `client`; no part of the app.

commands.py         command line: what is new
change_commands.py  command line: changes of what exists
command_options.py  options and output of the commands
grammar.py          arguments → a `Resource`, or all errors
errors.py           errors with suggestions
access.py           `--read` and `--write`: who can do what
references.py       references to other resources and to users
nesting.py          `--under`: resources under another one
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
table_changes.py    two versions of the models → the steps of a migration
changed_tables.py   the migration with these steps
guards.py           checks before a migration narrows a column
changes.py          `app change`, `rename`, `remove`: new commands for an existing resource
resource_renames.py `app rename resource`
conversions.py      types that keep the values of another one
editing.py          `app add`: new fields for an existing resource
edits.py            new commands → changed code, tests and database
three_way_merge.py  changes of the templates' output → edited files
symbols.py          names that differ between two versions of the code
renaming.py         code by hand that uses these names
mentions.py         lines that may mean them
removal.py          `app destroy`
features.py         `app new`: a resource, a page or an empty feature
jobs.py             `app new job`
deployments.py      `app new deployment`
resource_file.py    `app new resources`: many resources from a file
resource_blocks.py  how that file is read
circles.py          resources in it that refer to each other
checks.py           `app check`
api_changes.py      breaking changes of the API, for `app check`
client_command.py   `app client`
templates/          what is generated: edit them to customize it
"""
