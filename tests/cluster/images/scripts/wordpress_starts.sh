#!/bin/sh
# How often was this started on its volume?
printf 'Content-Type: text/plain\n\n'
wc -l </var/www/html/starts | tr -d ' '
