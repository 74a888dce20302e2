# The server with its Studio, without a compiler in the final image. Build: docker build -t synclips .
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY src ./src
RUN python -m venv /opt/synclips \
    && /opt/synclips/bin/pip install --no-deps -r requirements.lock \
    && /opt/synclips/bin/pip install ".[server,postgres,s3]"

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="SyncLips" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --system --create-home --uid 10001 synclips \
    && install -d -o synclips -g synclips /data
COPY --from=build /opt/synclips /opt/synclips
ENV PATH=/opt/synclips/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SYNCLIPS_DATA_DIR=/data \
    SYNCLIPS_HOST=0.0.0.0 \
    SYNCLIPS_PORT=8000
USER 10001
VOLUME ["/data"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["synclips", "serve"]
