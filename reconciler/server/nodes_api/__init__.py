"""What hosts of the cluster ask the API: to join, for their documents, to report. Nothing else is theirs."""
