"""The table of network policies as text, and how changes are told in it."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.executors.network.policies_layout import (
    change_script,
    elements_of,
    parse_listing,
    strip_elements,
    table_script,
)
from reconciler.model.networkpolicy import Box, IsolatedPod, PolicyProfile, PolicyRules

RULES = PolicyRules(
    pods=(IsolatedPod(ip="10.42.0.5", ingress="in-1", egress="eg-1"), IsolatedPod(ip="10.42.0.6", ingress="in-1")),
    profiles=(
        PolicyProfile(name="eg-1"),
        PolicyProfile(name="in-1", boxes=(Box(0, 3), Box(256, 511, 6, 80, 90), Box(600, 600, 17, 53, 53))),
    ),
)
# As `nft --numeric list table` prints it.
LISTING = """table ip reconciler-policy {
	comment "reconciler cluster c"
	map ingress {
		type ipv4_addr : verdict
		elements = { 10.42.0.5 : jump in-1, 10.42.0.6 : jump in-1 }
	}

	map egress {
		type ipv4_addr : verdict
		elements = { 10.42.0.5 : jump eg-1 }
	}

	set selves {
		type ipv4_addr . ipv4_addr
		elements = { 10.42.0.5 . 10.42.0.5, 10.42.0.6 . 10.42.0.6 }
	}

	set eg-1 {
		type ipv4_addr . inet_proto . inet_service
		flags interval
	}

	set in-1 {
		type ipv4_addr . inet_proto . inet_service
		flags interval
		elements = { 0.0.0.0/30 . 0-255 . 0-65535,
			0.0.1.0/24 . 6 . 80-90,
			0.0.2.88 . 17 . 53 }
	}

	chain in-1 {
		ip saddr . meta l4proto . th dport @in-1 return
		drop
	}
}
"""


def test_what_the_kernel_lists_is_what_was_written() -> None:
    """Whatever it shortens."""
    assert parse_listing(LISTING) == elements_of(RULES)


def test_the_rules_are_told_from_their_elements() -> None:
    """So that one Pod more is no other structure."""
    stripped = strip_elements(LISTING)
    assert "elements" not in stripped
    assert "ip saddr . meta l4proto . th dport @in-1 return" in stripped


def test_a_profile_looks_at_the_other_end() -> None:
    """Where it comes from, or where it goes."""
    script = table_script("c", "169.254.20.10", elements_of(RULES))
    assert "chain in-1 {\n    ip saddr . meta l4proto . th dport @in-1 return\n    drop\n}" in script
    assert "chain eg-1 {\n    ip daddr . meta l4proto . th dport @eg-1 return\n    drop\n}" in script


def test_the_number_of_rules_that_every_packet_meets_is_fixed() -> None:
    """Chains of profiles are led to by maps."""
    many = PolicyRules(
        pods=tuple(IsolatedPod(ip=f"10.42.0.{n}", ingress=f"in-{n}") for n in range(2, 200)),
        profiles=tuple(PolicyProfile(name=f"in-{n}") for n in range(2, 200)),
    )
    base = table_script("c", "169.254.20.10", elements_of(many)).partition("chain forwarding {")[2].partition("add")[0]
    assert (
        base
        == table_script("c", "169.254.20.10", elements_of(RULES)).partition("chain forwarding {")[2].partition("add")[0]
    )


def test_what_is_the_same_is_not_touched() -> None:
    """Nothing at all, or one element."""
    before = elements_of(RULES)
    assert change_script(before, elements_of(RULES)) == ""
    after = {**before, "in-1": {**before["in-1"], "0.0.9.0-0.0.9.0 . 0-255 . 0-65535": ""}}
    assert change_script(before, after) == (
        "add element ip reconciler-policy in-1 { 0.0.9.0-0.0.9.0 . 0-255 . 0-65535 }\n"
    )


def test_what_goes_is_led_to_by_nobody() -> None:
    """The Pod leaves its map before the chain goes, and the chain before the set."""
    lines = change_script(elements_of(RULES), elements_of(PolicyRules())).splitlines()
    places = [next(n for n, line in enumerate(lines) if line.startswith(words)) for words in _IN_ORDER]
    assert places == sorted(places)


_IN_ORDER = (
    "delete element ip reconciler-policy ingress",
    "delete chain ip reconciler-policy in-1",
    "delete set ip reconciler-policy in-1",
)
_NAMES = st.sampled_from(["in-1", "in-2", "eg-1"])
_CONTENTS = st.dictionaries(_NAMES, st.dictionaries(st.sampled_from("abc"), st.just(""), max_size=3), max_size=3)


@given(_CONTENTS, _CONTENTS)
def test_a_change_leads_from_any_content_to_any_other(
    before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]
) -> None:
    """Its commands, carried out one after the other, make the one from the other; none of them is refused."""
    content = {name: set(of) for name, of in before.items()}
    for line in change_script(before, after).splitlines():
        words = line.split()
        match words[:2]:
            case ["set", name]:
                assert name not in content
                content[name] = set()
            case ["add", "element"]:
                added = {one.strip(" {},") for one in line.partition("{")[2].split(",")}
                assert not added & content[words[4]]
                content[words[4]] |= added
            case ["delete", "element"]:
                gone = {one.strip(" {},") for one in line.partition("{")[2].split(",")}
                assert gone <= content[words[4]]
                content[words[4]] -= gone
            case ["delete", "set"]:
                del content[words[4]]
    assert content == {name: set(of) for name, of in after.items()}
