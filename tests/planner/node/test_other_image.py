"""A Pod that is to run from another image, as it is."""

from reconciler.planner.node.memory import ContainerMemory
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import IMAGE, Host, container, pod
from tests.planner.node.situation import IP, UID, fact, look, remembered, sandbox, shows

NEW = "shop/web:2"
BROKEN = "shop/broken:1"
CRASHING = Behaviour(exit_after_s=1, exit_code=1)


def test_a_running_container_is_stopped_and_started_from_its_new_image() -> None:
    """At once, without a wait, in the same sandbox."""
    host = Host(pod("web"), images={NEW: Behaviour()})
    host.node.run_for(60)
    before = set(host.names(state="running"))
    host.done()
    host.assign(pod("web", container("web", NEW)))
    host.node.run_for(3)
    assert [word.partition(" ")[0] for word in host.done()] == ["stopContainer", "startContainer"]
    assert host.ready("web")
    assert set(host.names(state="running")) - before == {"web/1"}
    assert before - set(host.names(state="running")) == {"web/0"}


def test_what_another_image_earned_is_forgotten() -> None:
    """A container of the same image goes on with it."""
    for before, expected in (("shop/web:0", 0.0), (IMAGE, 40.0)):
        known = ContainerMemory(attempt=0, container_id="id-web-0", image=before, backoff_s=20.0)
        answer = look(
            shows(sandbox(), fact(attempt=1)), pod("web"), memory=remembered(ip=IP, containers={"web": known})
        )
        assert answer.memory.pods[UID].containers["web"].backoff_s == expected


def test_a_crash_loop_ends_with_the_image_that_caused_it() -> None:
    """P01: the new image does not wait for what the old one earned, and begins with no wait of its own."""
    host = Host(pod("web", container("web", BROKEN)), images={NEW: CRASHING, BROKEN: CRASHING})
    host.node.run_for(200)
    assert host.waiting("web") == "CrashLoopBackOff"
    host.done()
    host.assign(pod("web", container("web", NEW)))
    host.node.run_for(4)
    assert len([word for word in host.done() if word.startswith("startContainer")]) == 2


def test_an_image_that_changes_while_another_is_fetched_is_run_in_the_end() -> None:
    """What a container was made from is what the host shows, not what is asked for by then."""
    host = Host(pod("web"), images={NEW: Behaviour(), "shop/far:1": Behaviour()})
    host.world.engine.images.discard("shop/far:1")
    host.node.run_for(60)
    host.assign(pod("web", container("web", "shop/far:1")))
    host.node.run_for(0.5)
    host.assign(pod("web", container("web", NEW)))
    host.node.run_for(60)
    running = [one for one in host.world.engine.facts() if one.container == "web" and one.state == "running"]
    assert [one.image for one in running] == [NEW]
    assert host.ready("web")
