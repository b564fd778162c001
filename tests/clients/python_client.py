"""Call the functions of docs/clients.md. Runs next to them, with the generated package."""

import sys

import notes  # type: ignore[import-not-found, unused-ignore]
from my_api import AuthenticatedClient  # type: ignore[import-not-found, unused-ignore]
from my_api.models import NoteRead, ProblemDetails  # type: ignore[import-not-found, unused-ignore]


def main(address: str, email: str, password: str) -> None:
    """Sign in, refresh, create, list and rename."""
    tokens = notes.refresh(address, notes.sign_in(address, email, password))
    client = AuthenticatedClient(address, tokens.access_token)
    titles = [f"python {number}" for number in range(3)]
    created = [notes.add_note(client, title) for title in titles]
    listed = [note.title for note in notes.all_notes(client)]
    assert listed[:3] == titles[::-1], listed
    renamed = notes.rename(client, created[0], "python renamed")
    assert isinstance(renamed, NoteRead), renamed
    assert renamed.version == created[0].version + 1
    refused = notes.rename(client, created[0], "python again")
    assert isinstance(refused, ProblemDetails), refused
    assert (refused.status, refused.type_) == (412, "urn:problem:VersionConflict")
    try:
        notes.add_note(client, titles[1])
    except notes.ApiError as error:
        (problem,) = error.args
        assert [list(item.loc) for item in problem.errors] == [["body", "title"]]
    else:
        raise AssertionError("a taken title was accepted")


main(*sys.argv[1:])
