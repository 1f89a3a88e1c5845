"""What the Engine repeats of a Secret is told by no error (P22)."""

import pytest

from reconciler.executors.container.environment import ContainerConfigError, environment
from reconciler.executors.container.facts import hide_values
from reconciler.executors.downward import PodPlace
from reconciler.model.kinds import Container, EnvVar, PodSpec
from reconciler.model.node import Materials, PodAssignment


@pytest.mark.parametrize(
    ("value", "repeated"),
    [
        ("hunter2", "hunter2"),
        ('pa"ss', r"pa\"ss"),
        ("pa\\ss", r"pa\\ss"),
        ("two\nlines\t!", r"two\nlines\t!"),
        ("bell\a\x01\x7f", r"bell\a\x01\x7f"),
        ("next\u2028line", r"next\u2028line"),
        ("gr\u00fc\u00dfe", "gr\u00fc\u00dfe"),
    ],
)
def test_a_value_is_hidden_as_it_is_and_as_the_engine_quotes_it(value: str, repeated: str) -> None:
    """P22: `exec: "/bin/..."` of a command that a value was expanded into."""
    text = f'exec: "/bin/{repeated}": stat /bin/{value}: no such file'
    assert hide_values(text, [f"V={value}"]) == 'exec: "/bin/$(V)": stat /bin/$(V): no such file'


def test_a_value_that_no_environment_can_hold_never_reaches_the_engine() -> None:
    """P22: it would repeat the value in its refusal."""
    container = Container(name="app", image="i", env=(EnvVar(name="V", value="hunter\0two"),))
    pod = PodAssignment(uid="u", namespace="n", name="p", spec=PodSpec(containers=(container,)))
    with pytest.raises(ContainerConfigError) as told:
        environment(pod, container, PodPlace(), Materials(), {})
    assert "'V'" in str(told.value)
    assert "hunter" not in str(told.value)
