#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# An application in shell: takes requests over ILLP (address in the first argument) and acknowledges each.
# The answer to one message is made by this same script: llpcat runs it with the message as its input.
if [ "$1" = answer ]; then
  IFS='|' read -r _ chars _ _ _ _ _ _ _ id _ <<EOF
$(tr '\r' '\n')
EOF
  printf 'MSH|%s|||||||ACK|%s|P|2.3\rMSA|AA|%s\r' "$chars" "$id" "$id"
else
  exec llpcat -l "$1" --exec "'$0' answer" --out "${2:-.}"
fi
