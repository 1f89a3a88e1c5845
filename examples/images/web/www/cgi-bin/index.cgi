#!/bin/sh
# The front page: GET /
printf 'Content-Type: text/plain\r\n\r\n'
echo "${GREETING:-welcome} | version $VERSION | served by $(hostname)"
