"""The scalar types of manifests: names, ports, quantities, modes, with their limits and patterns.

Patterns end in `$(?!\\n)` because Python's `$` would accept a trailing newline.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from reconciler.model.quantity import LENGTH_MAX

_END = r"$(?!\n)"
_LABEL_BODY = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]"
_SUBDOMAIN_BODY = rf"{_LABEL_BODY}(\.{_LABEL_BODY})*"

LABEL_PATTERN = f"^{_LABEL_BODY}{_END}"
SUBDOMAIN_PATTERN = f"^{_SUBDOMAIN_BODY}{_END}"
SERVICE_NAME_PATTERN = f"^[a-z]([-a-z0-9]*[a-z0-9])?{_END}"
PATH_SEGMENT_PATTERN = f"^(?!\\.{{1,2}}$)[^/%]+{_END}"
PORT_NAME_PATTERN = f"^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?{_END}"
LABEL_KEY_PATTERN = rf"^({_SUBDOMAIN_BODY}/)?{_QUALIFIED}{_END}"
_ANY_CASE_LABEL = "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
ANNOTATION_KEY_PATTERN = rf"^({_ANY_CASE_LABEL}(\.{_ANY_CASE_LABEL})*/)?{_QUALIFIED}{_END}"
# Names of CSI drivers: a domain in any case.
DRIVER_PATTERN = rf"^{_ANY_CASE_LABEL}(\.{_ANY_CASE_LABEL})*{_END}"
# What a cluster does not know itself has a domain before its name.
RESOURCE_NAME_PATTERN = rf"^(cpu|memory|ephemeral-storage|hugepages-.+|{_SUBDOMAIN_BODY}/{_QUALIFIED}){_END}"
# A domain and a path below it: `acme.io/foo`.
CONTROLLER_PATTERN = rf"^{_SUBDOMAIN_BODY}/([-A-Za-z0-9._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{{2}})+{_END}"
LABEL_VALUE_PATTERN = f"^({_QUALIFIED})?{_END}"
CONFIG_KEY_PATTERN = r"^(?!\.{1,2}$)(?!\.\.)[-._a-zA-Z0-9]+" + _END
HEADER_PATTERN = f"^[-A-Za-z0-9]+{_END}"
ENV_NAME_PATTERN = r"^(?!\.{1,2}$)(?!\.\.)[ -<>-~]+" + _END
QUANTITY_PATTERN = rf"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?\s*{_END}"
PERCENT_PATTERN = f"^[0-9]{{1,9}}%{_END}"
IP_PATTERN = f"^[0-9a-fA-F:.]+{_END}"
# The signals of Linux by name; those for real time are counted from either end.
_SIGNALS = (
    "ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|"
    "TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ"
)
SIGNAL_PATTERN = rf"^SIG({_SIGNALS}|RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?){_END}"
BASE64_PATTERN = r"^[A-Za-z0-9+/\r\n]*(=[\r\n]*){0,2}" + _END

OPTIONAL_SUBDOMAIN_PATTERN = f"^({_SUBDOMAIN_BODY})?{_END}"
OPTIONAL_LABEL_PATTERN = f"^({_LABEL_BODY})?{_END}"

Label: TypeAlias = Annotated[str, Meta(pattern=LABEL_PATTERN, max_length=63)]
Subdomain: TypeAlias = Annotated[str, Meta(pattern=SUBDOMAIN_PATTERN, max_length=253)]
DriverName: TypeAlias = Annotated[str, Meta(pattern=DRIVER_PATTERN, max_length=63)]
HostName: TypeAlias = Annotated[str, Meta(pattern=SUBDOMAIN_PATTERN, max_length=64)]
OptionalSubdomain: TypeAlias = Annotated[str, Meta(pattern=OPTIONAL_SUBDOMAIN_PATTERN, max_length=253)]
OptionalLabel: TypeAlias = Annotated[str, Meta(pattern=OPTIONAL_LABEL_PATTERN, max_length=63)]
ServiceName: TypeAlias = Annotated[str, Meta(pattern=SERVICE_NAME_PATTERN, max_length=63)]
PortName: TypeAlias = Annotated[str, Meta(pattern=PORT_NAME_PATTERN, max_length=15)]
LabelKey: TypeAlias = Annotated[str, Meta(pattern=LABEL_KEY_PATTERN, max_length=317)]
AnnotationKey: TypeAlias = Annotated[str, Meta(pattern=ANNOTATION_KEY_PATTERN, max_length=317)]
LabelValue: TypeAlias = Annotated[str, Meta(pattern=LABEL_VALUE_PATTERN, max_length=63)]
ConfigKey: TypeAlias = Annotated[str, Meta(pattern=CONFIG_KEY_PATTERN, max_length=253)]
EnvName: TypeAlias = Annotated[str, Meta(pattern=ENV_NAME_PATTERN)]
HeaderName: TypeAlias = Annotated[str, Meta(pattern=HEADER_PATTERN)]
NonEmpty: TypeAlias = Annotated[str, Meta(min_length=1)]
PathSegment: TypeAlias = Annotated[str, Meta(pattern=PATH_SEGMENT_PATTERN, max_length=253)]
AddressText: TypeAlias = Annotated[str, Meta(pattern=IP_PATTERN, max_length=45)]
Base64: TypeAlias = Annotated[str, Meta(pattern=BASE64_PATTERN)]

ControllerName: TypeAlias = Annotated[str, Meta(pattern=CONTROLLER_PATTERN, max_length=63)]
ConditionName: TypeAlias = Annotated[str, Meta(pattern=LABEL_KEY_PATTERN, max_length=317)]

PortNumber: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
FileMode: TypeAlias = Annotated[int, Meta(ge=0, le=0o777)]
UserNumber: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Positive: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
PositiveSeconds: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]

IntOrString: TypeAlias = int | str
PortReference: TypeAlias = PortNumber | PortName
CountOrPercent: TypeAlias = Count | Annotated[str, Meta(pattern=PERCENT_PATTERN)]
PositiveOrPercent: TypeAlias = Positive | Annotated[str, Meta(pattern=PERCENT_PATTERN)]
Quantity: TypeAlias = Annotated[str, Meta(pattern=QUANTITY_PATTERN, max_length=LENGTH_MAX)] | int | float
