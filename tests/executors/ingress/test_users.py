"""Lists of users, from htpasswd lines to what HAProxy and its Lua read."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.executors.ingress.users import entries, tables, userlist


def test_lines_are_users_and_hashes() -> None:
    """Comments, empty lines and names that cannot be sent are left out; the last of two counts."""
    text = b"# staff\n\nada:{SHA}x\nbob:$6$salt$hash:more\nsp ace:x\n:x\nada:{SHA}y\nnocolon\n"
    assert entries({"auth": text}, by_key=False) == [("ada", "{SHA}y"), ("bob", "$6$salt$hash")]
    assert entries({"eve": b"$apr1$a$b\n", "bob": b""}, by_key=True) == [("eve", "$apr1$a$b")]


def test_each_hash_goes_where_it_is_understood() -> None:
    """crypt(3) is HAProxy's own; that of Apache is compared by Lua; any other lets nobody in."""
    users = [("ada", "{SHA}x"), ("bob", "$6$s$h"), ("eve", "$apr1$s$h"), ("des", "a" * 13), ("bad", "plain")]
    assert userlist("staff", users) == "userlist staff\n    user 'bob' password '$6$s$h'\n    user 'des' password " + (
        f"'{'a' * 13}'\n"
    )
    found = tables({"staff": users})
    assert found.count("\n        [") == 2
    assert "plain" not in found


@given(st.binary(max_size=60))
def test_no_line_adds_one_of_ours(text: bytes) -> None:
    """A Secret can hold anything: each user is one line, in quotes."""
    users = entries({"auth": text}, by_key=False)
    for line in userlist("staff", users).split("\n")[1:-1]:
        assert line.startswith("    user '") and line.endswith("'")
    body = tables({"staff": users})
    assert set(body) <= set('reconciler_users = {}[]",\\0123456789 \n')
