# The operator's image. `make image` fills wheelhouse/ from requirements.lock first, so that this
# builds the same with and without a network. Plain instructions only: BuildKit and the older
# builder both take it.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
COPY wheelhouse/ /wheelhouse/
# Every wheel of the folder is one that the lock file names, or the project's own.
RUN python3 -m venv /opt/swarm-operator \
 && /opt/swarm-operator/bin/python -m pip install --no-index --no-deps --no-cache-dir \
      --disable-pip-version-check /wheelhouse/*.whl \
 && /opt/swarm-operator/bin/python -m pip check \
 && /opt/swarm-operator/bin/python -m pip uninstall --yes --quiet pip \
 && /opt/swarm-operator/bin/swarm-operator version

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="swarm-operator" \
      org.opencontainers.image.description="A reconciliation daemon for Docker Swarm: Compose documents in Consul KV become services, and stay so." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/swarm-operator/ /opt/swarm-operator/

# PYTHONSAFEPATH: nothing is imported from the working directory.
ENV PATH=/opt/swarm-operator/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SWARM_OPERATOR_LISTEN=0.0.0.0:9808
WORKDIR /
# No name in /etc/passwd is needed. The group that may use the engine's socket is the host's own:
# give it when the container is started (user: "65532:<its number>").
USER 65532:65532
EXPOSE 9808

# Is the process alive? Whether it can work is /readyz, which must not restart it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python3", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['SWARM_OPERATOR_LISTEN'].rpartition(':')[2]), timeout=4); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["swarm-operator"]
CMD ["run"]
