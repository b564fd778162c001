"""`app translate`: the texts of a small project, from its code to a compiled catalog."""

import gettext
from collections.abc import Callable
from pathlib import Path

import pytest

from app import cli, i18n
from app.commands import catalogs
from tests.commands.conftest import Outcome

Run = Callable[..., Outcome]

PAGE = """
<h1 title="{{ _("All") }}">{{ ngettext("%(num)s book", "%(num)s books", n) }}</h1>
{% trans %}By {{ name }}{% endtrans %}
"""
MAIL = "Subject: {{ _('New book') }}\n"
MODULE = 'from app.i18n import gettext_noop\nLABEL = gettext_noop("Shelf")\nsay(gettext("%(name)s is lent.", name=1))\n'


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the project by one with two parts."""
    for name, content in {
        "app/web/templates/base.html": '{{ _("All") }}',
        "app/features/books/__init__.py": "",
        "app/features/books/pages.py": MODULE,
        "app/features/books/templates/books/list.html": PAGE,
        "app/features/books/templates/mails/new.txt": MAIL,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(catalogs, "ROOT", tmp_path)
    return tmp_path


def catalog_of(project: Path, part: str = "app/features/books") -> Path:
    return project / part / "translations/fr/LC_MESSAGES/messages.po"


def translate(path: Path, **translations: str) -> None:
    text = path.read_text(encoding="utf-8")
    for message, translation in translations.items():
        text = text.replace(f'msgid "{message}"\nmsgstr ""', f'msgid "{message}"\nmsgstr "{translation}"')
    path.write_text(text, encoding="utf-8")


def test_texts_of_code_are_translated_and_compiled(app: Run, project: Path) -> None:
    assert app("translate", "update", "fr").out == (
        "     1  app/web/translations/fr/LC_MESSAGES/messages.po (1 to translate)\n"
        "     5  app/features/books/translations/fr/LC_MESSAGES/messages.po (5 to translate)\n"
        "Translate each empty msgstr, then run `app translate compile`.\n"
    )
    translate(catalog_of(project), Shelf="Étagère")

    compiled = app("translate", "compile")

    assert (compiled.code, compiled.error) == (0, "")
    assert "     1  app/features/books/translations/fr/LC_MESSAGES/messages.po (of 5)\n" in compiled.out
    with catalog_of(project).with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Shelf") == "Étagère"


def test_update_keeps_translations_and_changes_only_what_changed(app: Run, project: Path) -> None:
    app("translate", "update", "fr")
    translate(catalog_of(project), Shelf="Étagère", All="Tous")
    before = catalog_of(project).read_text(encoding="utf-8")

    app("translate", "update")
    assert catalog_of(project).read_text(encoding="utf-8") == before

    page = project / "app/features/books/templates/books/list.html"
    page.write_text(PAGE + '{{ _("Shelf") }} {{ _("Author") }}')
    assert "(5 to translate)" in app("translate", "update").out
    changed = catalog_of(project).read_text(encoding="utf-8")
    assert 'msgid "Shelf"\nmsgstr "Étagère"' in changed
    assert 'msgid "Author"\nmsgstr ""' in changed

    (project / "app/features/books/pages.py").unlink()
    app("translate", "update")
    assert "is lent" not in catalog_of(project).read_text(encoding="utf-8")


def test_a_new_feature_starts_with_translations_of_others(app: Run, project: Path) -> None:
    app("translate", "update", "fr")
    translate(catalog_of(project), Shelf="Étagère")
    (project / "app/features/films").mkdir()
    (project / "app/features/films/__init__.py").write_text('gettext("Shelf")')

    app("translate", "update")

    found = catalog_of(project, "app/features/films").read_text(encoding="utf-8")
    assert 'msgid "Shelf"\nmsgstr "Étagère"' in found


def test_extract_writes_texts_without_translations(app: Run, project: Path) -> None:
    assert "     5  app/features/books/translations/messages.pot\n" in app("translate", "extract").out
    written = (project / "app/features/books/translations/messages.pot").read_text(encoding="utf-8")

    assert 'msgid "%(num)s book"\nmsgid_plural "%(num)s books"' in written
    assert 'msgid "By %(name)s"' in written
    assert "Date" not in written


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        pytest.param('"%(name)s is lent."\nmsgstr ""', '"%(name)s is lent."\nmsgstr "%(nom)s est prêté."', "'nom'"),
        pytest.param('"%(name)s is lent."\nmsgstr ""', '"%(name)s is lent."\nmsgstr "%(name)s: 100% weg"', "%%"),
        pytest.param('msgstr[0] ""\nmsgstr[1] ""', 'msgstr[0] "%(num)s livre"', "plural"),
        pytest.param('msgid "Shelf"\n', '<<<<<<< HEAD\nmsgid "Shelf"\n', "<<<<<<< HEAD"),
    ],
    ids=["placeholder", "percent", "plurals", "merge-conflict"],
)
def test_invalid_catalogs_are_reported(app: Run, project: Path, before: str, after: str, message: str) -> None:
    app("translate", "update", "fr")
    path = catalog_of(project)
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")

    outcome = app("translate", "compile")

    assert outcome.code == 1
    assert outcome.error.startswith("app: app/features/books/translations/fr/LC_MESSAGES/messages.po:")
    assert message in outcome.error
    assert len(outcome.error.splitlines()) == 1


@pytest.mark.parametrize(("name", "hint"), [("pt-BR", "to pt_BR."), ("zh_CN", "to zh_Hans_CN."), ("xx", "such as to")])
@pytest.mark.parametrize("command", ["compile", "update"])
def test_folders_must_be_named_by_a_locale(app: Run, project: Path, command: str, name: str, hint: str) -> None:
    catalog = project / f"app/web/translations/{name}/LC_MESSAGES/messages.po"
    catalog.parent.mkdir(parents=True)
    catalog.touch()

    outcome = app("translate", command)

    assert outcome.code == 1
    assert f"translations/{name}: " in outcome.error
    assert hint in outcome.error


@pytest.mark.parametrize(
    ("name", "message"), [("fr", "invalid. Run `app translate compile`."), ("pt-BR", "rename the folder to pt_BR.")]
)
def test_commands_name_an_invalid_catalog(
    app: Run, project: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    compiled = project / f"app/web/translations/{name}/LC_MESSAGES/messages.mo"
    compiled.parent.mkdir(parents=True)
    compiled.write_bytes(b"")
    monkeypatch.setattr(i18n, "_APP", project / "app")
    read_uncached = i18n._catalogs.__wrapped__  # noqa: SLF001 - read once per process
    monkeypatch.setattr(cli, "import_module", lambda _: read_uncached())  # as modules with choices do

    outcome = app("routes")

    assert outcome.code == 1
    assert outcome.error.startswith("app: ")
    assert outcome.error.endswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("update", "xx"), 'app: there is no locale "xx".'),
        (("update", "../fr"), 'app: there is no locale "../fr".'),
        (("update", "en"), "app: English is the language of the source code"),
        (("update",), "app: there are no translations yet. Add a language with `app translate update fr`."),
        (("compile",), "app: there are no translations yet. Add a language with `app translate update fr`."),
    ],
)
def test_arguments_are_checked(app: Run, arguments: tuple[str, ...], message: str) -> None:
    outcome = app("translate", *arguments)

    assert outcome.code == 1
    assert outcome.error.startswith(message)


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("app/web/templates/base.html", "<p>\n{{ _( }}", "app/web/templates/base.html:2: "),
        ("app/features/books/pages.py", 'gettext("Shelf"\n', "app/features/books/pages.py: "),
    ],
)
def test_files_that_cannot_be_parsed_are_named(app: Run, project: Path, name: str, content: str, place: str) -> None:
    (project / name).write_text(content)

    outcome = app("translate", "update", "fr")

    assert outcome.code == 1
    assert outcome.error.startswith(f"app: {place}")
