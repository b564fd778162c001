"""Who can read and who can write the rows of a resource: `--read` and `--write`, or a preset, `--access`."""

from dataclasses import dataclass

from scaffold.errors import nearest

READERS_OF = {
    "owner": ("owner", "members", "everyone"),
    "members": ("members", "everyone"),
    "editors": ("members", "everyone"),
    "admins": ("members", "everyone", "admins"),
}
"""`--write` → the values of `--read` with which everyone who can write can also read."""

READERS = ("owner", "members", "everyone", "admins")


@dataclass(frozen=True)
class Access:
    """Who can read and who can write."""

    read: str = "owner"
    write: str = "owner"

    @property
    def owned(self) -> bool:
        """Return whether rows belong to a user, and only that user can change them."""
        return self.write == "owner"

    @property
    def private(self) -> bool:
        """Return whether only the owner of a row can see it."""
        return self.read == "owner"

    @property
    def others_read(self) -> bool:
        """Return whether others can see a row that only its owner can change."""
        return self.owned and not self.private

    def has_other_owners_than(self, referring: "Access") -> bool:
        """Return whether rows can belong to other users than the rows that refer to them."""
        return self.owned and not (self.private and referring.owned)

    @property
    def public(self) -> bool:
        """Return whether everyone can read, without signing in."""
        return self.read == "everyone"

    @property
    def admin_only(self) -> bool:
        """Return whether only admins have access."""
        return self.read == "admins"

    @property
    def restricted(self) -> bool:
        """Return whether writing requires a permission."""
        return self.write in {"editors", "admins"}


OWNED = Access()
PRESETS = {
    "owned": OWNED,
    "shared": Access("members", "members"),
    "public": Access("everyone", "editors"),
    "published": Access("everyone", "owner"),
    "admin": Access("admins", "admins"),
}


def parse_access(preset: str | None, read: str | None, write: str | None) -> tuple[Access, list[str]]:
    """Parse the values of `--access`, `--read` and `--write`, each None if it was not given."""
    options = [("--access", preset, PRESETS), ("--read", read, READERS), ("--write", write, READERS_OF)]
    errors = [
        f"{option} {value}: {nearest(value, known)}"
        for option, value, known in options
        if value is not None and value not in known
    ]
    if preset is not None and (read, write) != (None, None):
        errors.append("--access is short for --read and --write: give either the one or the others")
    if errors:
        return OWNED, errors
    access = PRESETS[preset] if preset else Access(read or "owner", write or "owner")
    readers = READERS_OF[access.write]
    if access.read not in readers:
        fix = "--write admins" if access.admin_only else " or ".join(f"--read {reader}" for reader in readers)
        errors.append(
            f"--read {access.read} --write {access.write}: everyone who can write must be able to read: use {fix}"
        )
    return access, errors
