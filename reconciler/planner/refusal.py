"""That an object is not admitted, and why. Pure."""

from reconciler.model.base import Value
from reconciler.model.kinds import KINDS
from reconciler.model.plan import Reason


class Refusal(Value):
    """Why an object is not admitted; `message` names it as upstream does."""

    reason: Reason
    why: str
    kind: str
    name: str

    @property
    def message(self) -> str:
        """The whole sentence of upstream's API."""
        spec = KINDS[self.kind]
        qualified = f"{spec.plural}.{spec.group}" if spec.group else spec.plural
        return f'{qualified} "{self.name}" is forbidden: {self.why}'
