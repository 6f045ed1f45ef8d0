"""Where a ledger is: a file, or a PostgreSQL database by its URL. What is shown of a URL never holds a password."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from accord.errors import LedgerError

__all__ = ["File", "Location", "Server", "has_password", "is_url", "parse_location"]

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
SECRET = ("password", "sslpassword", "oauth_client_secret")


@dataclass(frozen=True)
class File:
    """An SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL database. As text it is the URL without its password, which opens it again where libpq finds one."""

    url: URL = field(repr=False)

    def __str__(self) -> str:
        url = self.url.difference_update_query(SECRET)
        shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
        return shown.render_as_string()


Location = File | Server


def is_url(location: Path | str) -> bool:
    """Whether this is a URL rather than a path."""
    return isinstance(location, str) and "://" in location


def parse_location(location: Path | str) -> Location:
    """The file or the database that is meant. Raises `LedgerError` where it can be neither."""
    if is_url(location):
        return Server(_url(str(location)))
    head = str(location).partition(":/")[0]
    if head in SCHEMES:
        raise LedgerError(f"{head}: a URL that was made a path on its way; hand it in as text")
    return File(Path(location))


def has_password(location: str) -> bool:
    """Whether a URL holds a password. Raises `LedgerError` where it cannot be read."""
    url = _url(location)
    return url.password is not None or any(name in url.query for name in SECRET)


def _url(location: str) -> URL:
    """The URL for psycopg. What cannot be read may hold a password anywhere, so nothing of it is said."""
    scheme = location.partition("://")[0]
    if scheme not in SCHEMES:
        raise LedgerError(f"no ledger can be kept at {scheme}://; give a file, or postgresql://user@host/database")
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):
        url = None
    if url is None or "@" in (url.host or "") or not url.database:
        raise LedgerError(
            f"{scheme}://...: not a URL of the form postgresql://user@host/database; "
            f"percent-encode what is special in it (@ is %40, / is %2F)"
        )
    return url.set(drivername="postgresql+psycopg")
