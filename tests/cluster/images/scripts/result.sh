#!/bin/sh
exec serve 80
