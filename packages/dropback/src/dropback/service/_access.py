"""Decide who may do what: hosts, origins, keys with their roles and rates, and the public."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from starlette.datastructures import Headers

from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._sessions import Owner
from dropback.service._keys import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import HTTPConnection
    from starlette.types import Scope

    from dropback.service._keys import KeyRing, StoredKey

Role = Literal["read", "score", "feed", "operate"]

# A browser cannot set headers on a WebSocket: its key follows this, as a subprotocol.
_KEY_SUBPROTOCOL: Final = "dropback.key."
# Addresses whose rates are remembered; of more, those that asked longest ago begin anew.
_ADDRESSES: Final = 4096
# Keys that an address may guess a second. There are 2**256; it is the log that this protects.
_GUESSES_PER_S: Final = 10.0


@dataclass(frozen=True)
class Client:
    """Who asks.

    Attributes:
        name: Of the key; None of the public, and of anyone where no keys are used.
        share: Whose share of each bounded table it uses: a key's or, of the public, an address's;
            None where there is but one user.
        roles: What it may do.
        key: The key.
    """

    name: str | None
    share: str | None
    roles: frozenset[Role]
    key: StoredKey | None = None

    @property
    def owner(self) -> Owner:
        """The same as live plays know it."""
        most = None if self.key is None else self.key.live_plays
        return Owner(self.name, self.share, most, "feed" in self.roles)


# Whoever reaches a service without keys is on this computer.
_LOCAL: Final = Client(None, None, frozenset({"read", "score", "feed", "operate"}))


class Access:
    """Who may do what.

    Args:
        keys: Keys that are accepted; None where none is needed.
        hosts: Names that the ``Host`` header may have, without port; None takes any. This refuses
            pages of other sites that resolve their own name to this computer.
        origins: Other sites whose pages may use the service.
        public: Whether anyone may read without a key.
        public_per_s: Requests a second of an address without a key; those of ten seconds may come
            at once, as from a room full of watchers behind one address.
    """

    def __init__(
        self,
        *,
        keys: KeyRing | None = None,
        hosts: Collection[str] | None = None,
        origins: Collection[str] = (),
        public: bool = False,
        public_per_s: float = 100.0,
    ) -> None:
        self.keys, self._hosts, self.origins = keys, hosts, frozenset(origins)
        self.public, self._public_per_s = public, public_per_s
        self._visitors = _AddressRates(public_per_s, 10 * public_per_s)
        self._guesses = _AddressRates(_GUESSES_PER_S, 2 * _GUESSES_PER_S)

    @property
    def keys_required(self) -> bool:
        """Whether anything needs a key."""
        return self.keys is not None or self.public

    def check_site(self, scope: Scope) -> None:
        """Refuse another host's name (421), and a socket that another site's page opens (403)."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) > 1:  # RFC 9112, section 3.2: a proxy may have gone by another of them
            raise ServiceError(400, f"A request must have one Host header, got {len(hosts)}.")
        host = "".join(hosts)
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self._hosts is not None and name.lower() not in self._hosts:
            raise ServiceError(
                421,
                "The Host header must name this service: start it with --allow-host to serve "
                "another name.",
            )
        origin = headers.get("origin")
        if scope["type"] != "websocket" or origin is None or origin in self.origins:
            return
        # A page of any site may open a WebSocket to loopback; only ours may use it.
        if origin.partition("://")[2] != host:
            raise ServiceError(
                403,
                "A WebSocket from a page must come from this service's own, or from one of "
                "--allow-origin.",
            )

    def admit(self, scope: Scope) -> None:
        """Note who asks in the scope, and take a token of their rate.

        Raises:
            ServiceError: No key where one is needed, or an unknown one (401); too many requests
                (429).
        """
        sent = _sent_key(Headers(scope=scope))
        client = self._client(sent, _address(scope))
        scope["dropback.client"] = client
        self.take(client)

    def take(self, client: Client) -> None:
        """Take a token of a client's rate, for a request or a message of a socket (429)."""
        if client.key is not None and self.keys is not None:
            wait = self.keys.take(client.key)
            sentence = (
                f"The key {client.name!r} allows {client.key.requests_per_s:g} requests and live "
                "messages a second: wait."
            )
        elif client.share is not None:
            wait = self._visitors.take(client.share)
            sentence = (
                f"Without a key {self._public_per_s:g} requests a second are allowed: wait, or "
                "use a key."
            )
        else:
            return
        if wait > 0:
            raise ServiceError(429, sentence, retry_after_s=wait)

    def lapsed(self, client: Client) -> ServiceError | None:
        """Why a client that was let in may not stay; None if it may."""
        if client.key is None or self.keys is None or self.keys.holds(client.key):
            return None
        return ServiceError(401, f"The key {client.name!r} was revoked or changed.")

    def _client(self, sent: str, address: str) -> Client:
        if not sent:
            if self.public:
                return Client(None, f"address {address}", frozenset({"read"}))
            if self.keys is None:
                return _LOCAL
        key = None if self.keys is None else self.keys.find(sent)
        if key is not None:
            roles = frozenset[Role]({*key.roles, "operate"})
            return Client(key.name, f"key {key.name}", roles, key)
        if sent and (wait := self._guesses.take(address)) > 0:
            raise ServiceError(
                429, "Too many unknown API keys came from this address: wait.", retry_after_s=wait
            )
        raise ServiceError(
            401,
            "An API key is needed: send it as 'Authorization: Bearer KEY'; create one with "
            "'dropback keys add'.",
        )


class _AddressRates:
    """A token bucket an address, of a bounded number of addresses."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str) -> float:
        """As `TokenBucket.take`."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = TokenBucket(self._per_s, self._burst)
            self._buckets[address] = bucket
            if len(self._buckets) > _ADDRESSES:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(address)
        return bucket.take()


def client_of(connection: HTTPConnection) -> Client:
    """Who asks, as `Access.admit` noted."""
    client: Client = connection.scope.get("dropback.client", _LOCAL)
    return client


def require_role(connection: HTTPConnection, role: Role) -> Client:
    """Who asks, if they may do this (403)."""
    client = client_of(connection)
    require_right(client, role)
    return client


def require_right(client: Client, role: Role) -> None:
    """Refuse (403) who has not the role; the public is told to bring a key (401)."""
    if role in client.roles:
        return
    if client.key is None:
        needed = "" if role == "operate" else f" with the role {role!r}"  # any key may operate
        raise ServiceError(
            401,
            f"This needs an API key{needed}: send it as 'Authorization: Bearer "
            "KEY'; without a key this service is read only.",
        )
    raise ServiceError(
        403,
        f"The key {client.name!r} does not have the role {role!r}: create one with 'dropback keys "
        f"add NAME --role {role}'.",
    )


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _sent_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(_KEY_SUBPROTOCOL):
            return protocol.strip().removeprefix(_KEY_SUBPROTOCOL)
    return ""
