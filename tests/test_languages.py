"""A project in German: every text is in a catalog, and every catalog is complete and compiled."""

import pytest

import fireup
from tests.baking import PROJECT, Bake, tree
from tests.serving import environment, run_in
from tests.untranslated import findings, in_python, in_script, in_template, sentences

PARTS = 8
"""`app`, `app/web`, `app/admin` and three features."""


def test_every_text_is_in_a_catalog() -> None:
    assert findings(PROJECT) == []


@pytest.mark.parametrize(
    "source",
    [
        "<h1>New note</h1>",
        '<img alt="A cat">',
        '<p>{{ "Save" if new else _("Change") }}</p>',
        '{{ fields.text(form, "title", "The title") }}',
        "Subject: {% trans %}Hello{% endtrans %}\n\nA paragraph.",
    ],
)
def test_texts_of_templates_are_found(source: str) -> None:
    assert [*in_template(source)]
    assert not [*in_template('<h1 class="big">{{ _("New note") }}</h1> <code>app</code> {{ 1 }}')]


@pytest.mark.parametrize(
    "source",
    [
        'redirect_with_message(request, "/notes", "Note saved.")',
        'redirect_with_message(request, "/notes", f"{title} saved.")',
        'nav = NavItem(gettext_noop("Notes"), "/notes", "Your notes.")',
        'form.with_errors(title="Enter a title.")',
    ],
)
def test_messages_in_python_are_found(source: str) -> None:
    assert [*in_python(source)]
    assert not [*in_python('redirect_with_message(request, "/notes", gettext("Note saved."))')]


@pytest.mark.parametrize(
    "source",
    [
        '_GONE = "This record was deleted."',
        'errors.append((1, None, f"Row {number} is too long."))',
        'return {"": "A value is out of range."}',
    ],
)
def test_sentences_in_python_are_found(source: str) -> None:
    assert [*sentences(source)]
    assert not [*sentences('"""Not shown."""\nx = gettext("Row %(row)s is too long.", row=1)')]


def test_other_messages_in_python_are_found() -> None:
    assert [*in_python('raise FormValidationError({"name": "Taken"})')] == ["'Taken'"]
    assert [*in_python('raise ActionFailed("Forbidden")')] == ["'Forbidden'"]


def test_texts_in_scripts_are_found() -> None:
    assert [*in_script("input.setCustomValidity(`Too large (${size} kB). Split it.`);")]
    assert [*in_script('hint.textContent = "In your time zone";')]
    assert not [
        *in_script('button.className = "btn btn-close"; // A comment. "Not shown to anyone"')
    ]


def test_catalogs_are_complete_and_compiled(bake: Bake) -> None:
    project, python = bake(), fireup.install(PROJECT / "requirements-dev.txt")
    shipped = tree(project / "app")

    for command in ("update", "compile"):
        done = run_in(project, [python, "-B", "-m", "app", "translate", command], **environment())

        assert done.returncode == 0, done.stdout
        lines = done.stdout.splitlines()
        assert len(lines) == PARTS
        assert [line for line in lines if not line.endswith("messages.po")] == []
    assert tree(project / "app") == shipped
