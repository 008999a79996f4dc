"""Routes of the reverse proxy: from services' labels and documents to keys of Traefik's KV provider."""
