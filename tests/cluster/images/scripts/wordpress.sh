#!/bin/sh
# WordPress copies itself into an empty volume and starts without a database: the page tells.
set -eu
cd /var/www/html
if [ ! -e index.php ]; then
  echo "WordPress not found in /var/www/html - copying now..."
  echo '<?php // stand-in' >index.php
  echo "Complete! WordPress has been successfully copied to /var/www/html"
fi
exec serve 80 /var/www/html
