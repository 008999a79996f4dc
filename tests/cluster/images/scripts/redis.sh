#!/bin/sh
set -eu
cd /data
exec serve 6379 /data
