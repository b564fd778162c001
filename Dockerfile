# Image of the default project. All stages except the first are those of the project's Dockerfile; a test compares them.
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS generate
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /template
COPY requirements.txt ./
RUN pip install --no-deps --require-hashes --requirement requirements.txt
COPY . .
RUN cookiecutter --no-input --output-dir /generated . && mv /generated/* /project

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /srv
RUN python -m venv --without-pip /opt/venv
COPY --from=generate /project/requirements.txt ./
RUN pip --python /opt/venv install --no-deps --require-hashes --requirement requirements.txt
COPY --from=generate /project/pyproject.toml ./
COPY --from=generate /project/migrations migrations
COPY --from=generate /project/app app
# COPY preserves file modes; make files world-readable in case of a strict umask on the build machine.
RUN chmod -R a+rX,go-w . && python -m compileall -q app

FROM python:${PYTHON_VERSION}-slim
# Debian packages to add, for example postgresql-client, which `app backup` needs for PostgreSQL.
ARG PACKAGES=
# hadolint ignore=DL3008,SC2086
RUN if [ -n "$PACKAGES" ]; then \
      apt-get update && apt-get install --yes --no-install-recommends $PACKAGES && rm -rf /var/lib/apt/lists/*; \
    fi
# All files are owned by root, so the app can't modify itself. Only the directories of secrets, backups and uploads are
# owned by the app user; an empty volume mounted there inherits its owner and mode.
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app \
 && install --directory --owner app --group app --mode 0700 /run/secrets /var/backups/app /var/lib/uploads
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/srv PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv /srv
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.version=$VERSION org.opencontainers.image.revision=$REVISION
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Without a proxy, because Docker may be configured to set proxy variables in every container.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", \
  "import os, urllib.request as r; port = os.getenv('SERVER_PORT') or os.getenv('PORT') or 8000; \
  r.build_opener(r.ProxyHandler({})).open(f'http://127.0.0.1:{port}/health/live', timeout=2)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve", "--host", "0.0.0.0"]
