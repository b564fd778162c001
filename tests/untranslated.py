"""Find the texts of a project that no catalog can translate: those outside `_()` and `gettext`."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes

MARKS = {"_", "gettext", "ngettext", "gettext_noop"}
_WORD = re.compile(r"[^\W\d_]{2}")
_PROSE = re.compile(r"[A-Z][a-z]+([ .…:]|$)|.*[a-z,] [a-z]")
"""A constant of a template or of Python that people read: "Save", or several words."""
_SENTENCE = re.compile(r"(This|[A-Z“][^ ]*) .*[a-z”})][.?]$", re.DOTALL)
_OF_PEOPLE = re.compile(r"app/(admin|web)/.*|app/features/\w+/(admin|pages).*")
"""Modules whose sentences are shown to people."""
_IN_SCRIPT = re.compile(r"""("(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)""")
_NOT_TEXT = re.compile(
    r"^ ?(required|autofocus)$|^Subject:|^/\S*|\b[\w-]+=\"[^\"]*\"|\bopenapi\.json\b"
)
_CLASSES = ("btn ", "fa-")
_ATTRIBUTES = {"alt", "aria-label", "placeholder", "title"}
_NOT_READ = {"code", "pre", "script", "style"}
# Arguments that are shown to people: the name of the function, and which arguments.
_ARGUMENTS: dict[str, tuple[int | str, ...]] = {
    "ActionFailed": (0,),
    "FormValidationError": (0,),
    "HTTPException": (1, "detail"),
    "InvalidFile": (0,),
    "NavItem": (0, 2),
    "flash": (1,),
    "redirect_with_message": (2,),
    "set_flash": (2,),
    "with_errors": ("*",),
}


def in_template(source: str) -> Iterator[str]:
    """Yield the untranslated texts of a template of a page or an email."""
    tree = Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse(source)
    page = _Page()
    page.feed("".join(node.data for node in tree.find_all(nodes.TemplateData)))
    page.close()
    yield from page.found
    yield from _constants(tree)


def in_python(source: str) -> Iterator[str]:
    """Yield the untranslated messages and labels of a module."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call):
            for value in _read_by_people(call, _ARGUMENTS.get(_name(call), ())):
                if isinstance(value, ast.JoinedStr) or (
                    isinstance(value, ast.Constant) and _PROSE.match(str(value.value))
                ):
                    yield ast.unparse(value)


def sentences(source: str) -> Iterator[str]:
    """Yield the sentences of a module outside `gettext`, except docstrings."""
    tree = ast.parse(source)
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) or (isinstance(node, ast.Call) and _name(node) in MARKS):
            skipped.update(ast.walk(node) if isinstance(node, ast.Call) else [node.value])
        if isinstance(node, ast.JoinedStr):
            skipped.update(part for value in node.values for part in ast.walk(value))
    for node in ast.walk(tree):
        if node not in skipped and isinstance(node, ast.Constant | ast.JoinedStr):
            text = ast.unparse(node)[2:-1] if isinstance(node, ast.JoinedStr) else str(node.value)
            if _SENTENCE.match(text):
                yield text


def in_script(source: str) -> Iterator[str]:
    """Yield the texts of a JavaScript file, which gets them from the page instead."""
    for line in source.splitlines():
        code = re.sub(r"(^|\s)//.*", "", line)
        for literal in _IN_SCRIPT.findall(code):
            text = re.sub(r"\$\{[^}]*\}", "", literal[1:-1])
            if re.match(r"[A-Z][a-z]+ [a-z]|[^<.\[#(]*[A-Za-z]{3,} [a-z]{2,}[^-]*[a-z]$", text):
                yield text


def _read_by_people(call: ast.Call, wanted: tuple[int | str, ...]) -> Iterator[ast.expr]:
    found = [value for number, value in enumerate(call.args) if number in wanted]
    found += [item.value for item in call.keywords if "*" in wanted or item.arg in wanted]
    for value in found:
        yield from value.values if isinstance(value, ast.Dict) else [value]


def _name(call: ast.Call) -> str:
    """Return the name of the called function."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _constants(node: nodes.Node) -> Iterator[str]:
    """Yield the constants that look like prose and aren't arguments of `_()`."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and _PROSE.match(node.value):
        yield from [] if node.value.startswith(_CLASSES) else [node.value]
    if not (isinstance(node, nodes.Call) and getattr(node.node, "name", "") in MARKS):
        for child in node.iter_child_nodes():
            yield from _constants(child)


class _Page(HTMLParser):
    """Collects the texts and the attributes that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NOT_READ:
            self._open.append(tag)
        self.found += [
            f"{name}={text}"
            for name, text in attrs
            if name in _ATTRIBUTES and _WORD.search(text or "")
        ]

    def handle_endtag(self, tag: str) -> None:
        if self._open[-1:] == [tag]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for line in data.splitlines():
            text = _NOT_TEXT.sub("", line).strip()
            if not self._open and _WORD.search(text):
                self.found.append(text)


def findings(project: Path) -> list[str]:
    """Return the untranslated texts of all files, each with its file."""
    found, catalog = [], {*_messages(project)}
    for path in sorted((project / "app").rglob("*")):
        name, source = path.relative_to(project).as_posix(), path.suffix
        if source == ".py":
            texts = [*in_python(path.read_text(encoding="utf-8"))]
            if _OF_PEOPLE.fullmatch(name):
                texts += [
                    text
                    for text in sentences(path.read_text(encoding="utf-8"))
                    if text not in catalog
                ]
        elif source in {".html", ".txt"} and "templates" in path.parts:
            texts = [*in_template(path.read_text(encoding="utf-8"))]
        elif source == ".js" and _OF_PEOPLE.fullmatch(name):
            texts = [*in_script(path.read_text(encoding="utf-8"))]
        else:
            continue
        found += [f"{name}: {text}" for text in texts]
    return found


def _messages(project: Path) -> Iterator[str]:
    """Yield the texts of all catalogs, which also have labels that need no mark."""
    for path in project.rglob("*.po"):
        for lines in re.findall(
            r'^msgid ((?:".*"\n)+)', path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            yield "".join(map(ast.literal_eval, lines.splitlines()))
