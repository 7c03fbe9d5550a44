# The service, without the tools that built it. Its data is in /data; the rest may be read-only:
#   docker run --read-only --tmpfs /tmp -v suyuan:/data suyuan suyuan db upgrade
#   docker run --read-only --tmpfs /tmp -v suyuan:/data -p 127.0.0.1:8000:8000 suyuan
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN python3 -m pip install --no-cache-dir --target /opt/uv uv==0.13.8
ENV PATH=/opt/uv/bin:$PATH UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY requirements.lock ./
RUN uv venv /app \
    && uv pip install --python /app --compile-bytecode --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY procedures procedures
COPY traceability traceability
COPY certificates certificates
COPY service service
COPY migrations migrations
RUN uv pip install --python /app --compile-bytecode --no-deps .

FROM ${BASE}
RUN install -d -o 10001 -g 10001 /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SUYUAN_DATABASE_URL=sqlite:////data/suyuan.db
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["suyuan", "serve", "--host", "0.0.0.0"]
