"""What the fields of Ingresses and their classes mean; a part of `descriptions`."""

from collections.abc import Mapping

OF_INGRESSES: Mapping[str, str] = {
    "IngressSpec.ingressClassName": "Class that says who serves it; the default class when left out.",
    "IngressSpec.defaultBackend": "Where requests go that no rule is for.",
    "IngressSpec.tls": "Certificates, and the hosts that they are shown for.",
    "IngressSpec.rules": "What each host leads to.",
    "IngressRule.host": "Name of the host, or *.example.com for every name one label below; every host without one.",
    "IngressRule.http": "What the paths of the host lead to.",
    "HTTPIngressRuleValue.paths": "The paths; the longest one that matches holds.",
    "HTTPIngressPath.path": "Path of the request.",
    "HTTPIngressPath.pathType": "Exact is this very path, Prefix it and everything below; ImplementationSpecific is "
    "Prefix here, or a regular expression where annotations say so.",
    "HTTPIngressPath.backend": "Where the requests go.",
    "IngressBackend.service": "Service that the requests go to.",
    "IngressBackend.resource": "Another object; none can be a backend here.",
    "IngressServiceBackend.name": "Name of the Service, in the same namespace.",
    "IngressServiceBackend.port": "Port of the Service.",
    "IngressServiceBackendPort.name": "Name of the Service's port.",
    "IngressServiceBackendPort.number": "Number of the Service's port.",
    "IngressTLS.hosts": "Hosts that the certificate is shown for; those that it names itself when left out.",
    "IngressTLS.secretName": "Secret of type kubernetes.io/tls with certificate and key.",
    "IngressStatus.loadBalancer": "Where it is served.",
    "IngressStatus.noted": "What was already told of it.",
    "IngressStatus.observedGeneration": "Which generation of it is served.",
    "IngressLoadBalancerStatus.ingress": "Addresses at which it is served.",
    "IngressLoadBalancerIngress.hostname": "Name of the node.",
    "IngressLoadBalancerIngress.ports": "Ports at which it is served.",
    "IngressPortStatus.error": "Why the port does not serve.",
    "IngressClassSpec.controller": "Who serves Ingresses of this class: reconciler.dev/ingress is this program.",
    "IngressClassSpec.parameters": "Object with settings for the controller; this program reads none.",
    "IngressClassParametersReference.scope": "Whether the object stands in a namespace.",
    "IngressClassParametersReference.namespace": "Namespace of the object.",
}
