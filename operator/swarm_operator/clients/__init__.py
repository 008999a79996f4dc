"""The only network code: Docker and Consul, raw answers → typed once, refusals → `observed.errors`."""
