"""Addresses of storages and services: what is wrong with one, and how it is shown without what is secret in it."""

from urllib.parse import parse_qsl, urlsplit

_SECRETS = ("key", "secret", "token", "password", "pwd", "credential", "sas", "session", "sig")
_USERS_ARE_SECRET = ("s3", "http", "https")  # elsewhere it is a container or the name of a role


def malformed(address: str) -> str | None:
    """Why a text is no address, in words."""
    try:
        _ = urlsplit(address).port
    except ValueError as error:
        return f"no address found ({error})"
    return None


def fault_of(address: str) -> str | None:
    """What is wrong with an address that will be on record, in words: that it is none, or has credentials in it."""
    if (reason := malformed(address)) is not None:
        return reason
    url = urlsplit(address)
    is_user_secret = url.username is not None and url.scheme in _USERS_ARE_SECRET
    queries = parse_qsl(url.query, keep_blank_values=True)
    if is_user_secret or url.password is not None or any(_is_secret(name, value) for name, value in queries):
        return "credentials found in the URL, where logs would show them"
    return None


def shown(address: str) -> str:
    """An address without user, password, query and fragment."""
    base, separator, rest = address.partition("://")
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{base}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else address


def _is_secret(name: str, value: str) -> bool:
    """Whether a part of a query is a credential, or an address with one, such as `endpoint_override` may be."""
    return "@" in value or any(secret in name.lower() for secret in _SECRETS)
