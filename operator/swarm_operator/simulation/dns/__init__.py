"""A DNS provider with an API like OVH's: what the API shows, and what is served since a refresh."""
