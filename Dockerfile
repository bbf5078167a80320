# Linx in a container, built from a checkout: docker build --tag linx .
FROM python:3.13-slim AS build
WORKDIR /src
# What runs beside the keys is exactly the files that were chosen, each by its hash.
COPY requirements.lock ./
RUN python -m venv /opt/linx \
    && /opt/linx/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY linx ./linx
RUN /opt/linx/bin/python -m pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/linx /opt/linx
RUN useradd --system --user-group --uid 10001 --home-dir /data --no-create-home linx \
    && install --directory --owner=linx --group=linx --mode=0700 /data
ENV PATH=/opt/linx/bin:$PATH XDG_CONFIG_HOME=/data/config XDG_STATE_HOME=/data/state
# /data/config.json is read where there is one; the ledger and what Linx has learnt are kept in /data/state.
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8080
# Without a proxy of the environment, which urllib would ask.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
# All addresses of the container, so that a key is demanded: LINX_API_KEY, one of the config, or one that Linx invents and prints.
ENTRYPOINT ["linx", "--host", "0.0.0.0", "--port", "8080"]
