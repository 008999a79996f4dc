#!/bin/sh
# RPUSH: one line, in one write.
echo "$QUERY_STRING" >>/data/votes
printf 'Content-Type: text/plain\n\nOK\n'
