"""No client starves the others: rates, places, and what comes back."""

import threading
from pathlib import Path

import pytest
from api_double import pod, served
from people import access, bearer
from web import ask

from reconciler.client import ApiClient
from reconciler.model.access import ANONYMOUS, AUTHENTICATED, MASTERS, User
from reconciler.server.errors import ApiError
from reconciler.server.fairness import Shares, Use
from reconciler.server.limits import Limits

ADA = User(name="ada", groups=(AUTHENTICATED,), via="token")
ROOT = User(name="system:root", groups=(MASTERS, AUTHENTICATED), via="socket")
LIMITS = Limits(
    user_rate=2.0, user_burst=4.0, user_requests_max=3, user_watches_max=2, user_streams_max=1, watches_max=3
)


class Time:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    """A clock that stands still."""
    return Time()


@pytest.fixture
def shares(time: Time) -> Shares:
    """Shares of small limits."""
    return Shares(LIMITS, time)


def request(shares: Shares, user: User, use: Use = Use.REQUEST, client: str = "") -> None:
    """Take a place for a user."""
    shares.take(client or user.name, shares.share_of(user), use)


def briefly(shares: Shares, user: User, times: int = 1) -> None:
    """Ask and be answered."""
    for _ in range(times):
        request(shares, user)
        shares.give_back(user.name, Use.REQUEST)


def refused(shares: Shares, user: User, use: Use = Use.REQUEST, client: str = "") -> ApiError:
    """Return how a request was refused."""
    with pytest.raises(ApiError) as error:
        request(shares, user, use, client)
    assert (error.value.code, error.value.reason) == (429, "TooManyRequests")
    return error.value


def test_a_burst_is_allowed_and_then_a_steady_rate(shares: Shares, time: Time) -> None:
    """Who was quiet may ask often at once; afterwards the wait is told."""
    briefly(shares, ADA, 4)
    assert refused(shares, ADA).details == {"retryAfterSeconds": 1}
    time.now += 0.5
    briefly(shares, ADA)
    refused(shares, ADA)
    time.now += 3600
    briefly(shares, ADA, 4)
    refused(shares, ADA)


def test_one_user_takes_nothing_of_another(shares: Shares) -> None:
    """Each has a bucket and places of their own."""
    briefly(shares, ADA, 4)
    refused(shares, ADA)
    briefly(shares, User(name="bob", groups=(AUTHENTICATED,), via="token"), 4)


def test_requests_watches_and_streams_have_places_of_their_own(shares: Shares, time: Time) -> None:
    """What stays open for long does not keep a user from asking, and is bounded too."""
    request(shares, ADA, Use.WATCH)
    request(shares, ADA, Use.WATCH)
    request(shares, ADA, Use.STREAM)
    time.now += 60
    assert "2 watches are open already" in str(refused(shares, ADA, Use.WATCH))
    refused(shares, ADA, Use.STREAM)
    for _ in range(3):
        request(shares, ADA)
    refused(shares, ADA)
    shares.give_back("ada", Use.WATCH)
    request(shares, ADA, Use.WATCH)


def test_a_refused_request_costs_no_place(shares: Shares, time: Time) -> None:
    """Who waits as told gets through."""
    for _ in range(3):
        request(shares, ADA)
    for _ in range(50):
        refused(shares, ADA)
    for _ in range(3):
        shares.give_back("ada", Use.REQUEST)
    time.now += 1
    briefly(shares, ADA)


def test_root_on_the_host_is_never_slowed_down_but_its_watches_count(shares: Shares) -> None:
    """The host can always be operated; watches cost memory whoever opens them."""
    briefly(shares, ROOT, 1000)
    for _ in range(10):
        request(shares, ROOT)
        request(shares, ROOT, Use.STREAM)
    request(shares, ROOT, Use.WATCH)
    request(shares, ROOT, Use.WATCH)
    refused(shares, ROOT, Use.WATCH)


def test_all_watches_together_are_bounded(shares: Shares) -> None:
    """P07: many users with few watches each are still many watches."""
    for number in range(3):
        request(shares, User(name=f"user-{number}", via="token"), Use.WATCH)
    assert "3 watches already" in str(refused(shares, ADA, Use.WATCH))


def test_strangers_share_by_address_and_get_less(time: Time) -> None:
    """Who proves nothing cannot use up what users have."""
    shares = Shares(Limits(stranger_rate=1.0, stranger_burst=2.0), time)
    for _ in range(2):
        request(shares, ANONYMOUS, client="address 192.0.2.1")
    refused(shares, ANONYMOUS, client="address 192.0.2.1")
    request(shares, ANONYMOUS, client="address 192.0.2.2")
    briefly(shares, ADA, 50)


def test_memory_stays_bounded(shares: Shares) -> None:
    """Clients that have gone are forgotten, those with something open are not."""
    request(shares, ADA, Use.WATCH)
    for number in range(25_000):
        user = User(name=f"user-{number}", via="token")
        request(shares, user)
        shares.give_back(user.name, Use.REQUEST)
    assert len(shares._clients) <= 10_000
    shares.give_back("ada", Use.WATCH)


def test_a_user_who_asks_too_much_is_told_to_wait(socket_path: Path) -> None:
    """429 with Retry-After, as kubectl and the client libraries expect it; others are served meanwhile."""
    limits = Limits(user_rate=0.1, user_burst=3.0)
    with served(socket_path, limits, access(ada=(), bob=())) as api:
        codes = [ask(api.path, "GET", "/version", Authorization=bearer("ada")).code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        answer = ask(api.path, "GET", "/version", Authorization=bearer("ada"))
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.document["details"]["retryAfterSeconds"] == int(answer.headers["Retry-After"])
        assert answer.document["reason"] == "TooManyRequests"
        assert ask(api.path, "GET", "/version", Authorization=bearer("bob")).code == 200


def test_a_watch_that_ended_leaves_its_place(socket_path: Path) -> None:
    """Places are freed when a client goes, however it goes."""
    with served(socket_path, Limits(user_watches_max=1, watch_timeout_s=60)) as api:
        api.objects.put(pod("a"))
        for _ in range(3):
            watch = ApiClient(socket_path, answer_s=10).watch("/api/v1/pods")
            assert next(watch)["type"] == "ADDED"
            assert ask(api.path, "GET", "/api/v1/pods?watch=1").code == 429
            watch.close()
            _wait_for_a_place(api.path)


def _wait_for_a_place(path: Path) -> None:
    over = threading.Event()
    for _ in range(500):
        if ask(path, "GET", "/api/v1/pods?watch=1&timeoutSeconds=1&resourceVersion=999999").code != 429:
            return
        over.wait(0.01)
    raise AssertionError("the place was not freed")
